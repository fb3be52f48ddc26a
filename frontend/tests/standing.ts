/** The stand-in by itself: says its address, and stays until it is told to go. `node tests/run.mjs tests/standing.ts [port]` */
import { LARGE } from "./history";
import { StandIn } from "./stand-in";

const server = await new StandIn(LARGE).open(Number(process.argv[3] ?? 0));
server.beat(true);
console.log(server.url);
