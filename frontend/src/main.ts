/** Start: fetch the past, open the socket, render. */
import "./styles/tokens.css";
import "./styles/layout.css";
import "./styles/panels.css";
import { api } from "./api";
import { SemsigApp } from "./app";
import { Feed } from "./feed";

const app = document.querySelector("semsig-app");
if (app instanceof SemsigApp) {
  app.api = api(location.origin);
  const socketUrl = new URL("/ws", location.origin);
  socketUrl.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const feed = new Feed(app.api, app, { open: () => new WebSocket(socketUrl) });
  addEventListener("online", () => feed.hurry());
  document.addEventListener("visibilitychange", () => document.hidden || feed.hurry());
  void feed.run();
}
