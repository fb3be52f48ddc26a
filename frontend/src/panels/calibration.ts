/** Stated chances against what happened: a reliability diagram, and whether the forecasts add anything. */
import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit";
import { fixed, number, ratio } from "../format";
import type { BinView, CalibrationView } from "../shapes";
import { empty, panel, segment, twin } from "./parts";
import { LoadedPanel } from "./loaded";
import "../styles/numbers.css";

const [WIDE, HIGH] = [340, 280];
const EDGE = { left: 58, right: 20, top: 10, bottom: 40 };
/** Skill of fewer independent forecasts is a guess. */
const FEW = 100;

export class Calibration extends LoadedPanel<readonly CalibrationView[]> {
  static override properties = { ...LoadedPanel.properties, horizon: { state: true }, listed: { state: true } };
  declare horizon: string;
  declare listed: boolean;

  constructor() {
    super();
    this.horizon = "";
    this.listed = false;
  }

  protected override needs(): string {
    return this.state.decisions[0]?.id ?? "none";
  }

  protected override async load(): Promise<readonly CalibrationView[]> {
    return (await this.api.calibration()).calibrations;
  }

  protected override render(): TemplateResult {
    const told = this.told ?? [];
    const chosen = told.find(({ horizon }) => horizon === this.horizon) ?? told[0];
    const controls = chosen ? segment("Horizon", told.map(({ horizon }) => [`${horizon.charAt(0).toUpperCase()}${horizon.slice(1)}`, horizon] as const), chosen.horizon, (horizon) => (this.horizon = horizon)) : nothing;
    return panel({ name: "calibration", title: "Calibration", frame: this.frame, controls },
      () => this.shown(() => (chosen ? calibrationBody(chosen, this.listed, (open) => (this.listed = open)) : empty("No forecast yet", "Each decision states a chance.")), "Resolving forecasts…"));
  }
}

export function calibrationBody(told: CalibrationView, listed: boolean, list: (open: boolean) => void): TemplateResult {
  if (!told.forecasts) return empty("No forecast has come due yet", `Each decision states the chance that the price rises (${told.horizon}); it is compared once that time has passed.`);
  const [tone, said] = verdict(told);
  return html`<p class="luck ${tone}">${said}</p>
    <dl class="figures sums">
      <div class="field" title="Above 0: better than the share of rises known at the time"><dt>Skill</dt><dd>${ratio(told.brier_skill, 1, true)} <small>${told.skill_low === null || told.skill_high === null ? "" : `${ratio(told.skill_low, 1, true)} to ${ratio(told.skill_high, 1, true)}`}</small></dd></div>
      <div class="field" title="Mean squared error: 0 is perfect, 0.25 is always saying one half"><dt>Brier</dt><dd>${number(told.brier, 4)}</dd></div>
      <div class="field" title="Mean surprise; 0.693 is always saying one half"><dt>Log loss</dt><dd>${number(told.log_loss, 4)}</dd></div>
      <div class="field" title="How often the price rose"><dt>Rose</dt><dd>${ratio(told.up_ratio, 1)}</dd></div>
      <div class="field" title="Forecasts that are open at the same time count as one"><dt>Forecasts</dt><dd>${fixed(told.forecasts, 0)} <small>at least ${fixed(Math.floor(told.effective), 0)} independent</small></dd></div>
    </dl>
    <figure class="reliability" aria-labelledby="reliability-words">
      ${diagram(told.bins)}
      <figcaption id="reliability-words" class="muted">On the dashed line stated chances come true. A point is a tenth of the forecasts, or all that said the same; its bar is the 90 % interval.</figcaption>
    </figure>
    ${twin("As a table", listed, list, () => html`<div class="table-place" tabindex="0" role="region" aria-label="Stated chances and what happened"><table>
        <thead><tr><th scope="col">Stated</th><th scope="col" class="number">Mean</th><th scope="col" class="number">Rose</th><th scope="col" class="number">90 %</th><th scope="col" class="number">n</th></tr></thead>
        <tbody>${told.bins.map((one) => html`<tr>
          <th scope="row">${one.lowest === one.highest ? ratio(one.lowest, 1) : `${fixed(one.lowest, 1, { shift: 2 })}–${ratio(one.highest, 1)}`}</th>
          <td class="number">${ratio(one.stated, 1)}</td><td class="number">${ratio(one.happened, 1)}</td>
          <td class="number">${fixed(one.low, 0, { shift: 2 })}–${ratio(one.high, 0)}</td>
          <td class="number">${fixed(one.forecasts, 0)} <small>(${fixed(Math.floor(one.effective), 0)})</small></td></tr>`)}</tbody>
      </table></div>
      <p class="muted under-table">In brackets: how many are independent at least.</p>`)}`;
}

/** Whether the forecasts can be told from saying the base rate. */
export function verdict({ skill_low: low, skill_high: high, effective }: CalibrationView): readonly ["up" | "down" | "flat", string] {
  if (low === null || high === null) return ["flat", "Too few independent forecasts have come due to tell skill from luck."];
  const few = effective < FEW ? " Few forecasts are independent, so even that is a rough guess." : "";
  if (low > 0) return ["up", `The forecasts know something: whatever one had always said instead, even knowing how often the price would rise, would have been worse in the whole interval.${few}`];
  if (high < 0) return ["down", `The forecasts are worse than the base rate: saying how often the price rose before would have been better.${few}`];
  return ["flat", `No skill shows: the interval includes 0, so the forecasts cannot be told from saying the base rate.${few}`];
}

/** An axis around all these shares: a few round steps of it, the first and the last its ends. */
export function axis(shares: readonly number[]): readonly number[] {
  const [least, most] = [Math.min(...shares), Math.max(...shares)];
  const step = [0.01, 0.02, 0.05, 0.1, 0.2].find((one) => most - least <= 4 * one) ?? 0.25;
  const whole = Math.round(1 / step);
  const first = Math.max(0, Math.min(whole - 1, Math.floor(least / step + 1e-9)));
  const last = Math.min(whole, Math.max(first + 1, Math.ceil(most / step - 1e-9)));
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

function diagram(bins: readonly BinView[]): TemplateResult {
  const across = axis(bins.map(({ stated }) => stated));
  const up = axis(bins.flatMap(({ low, high, stated }) => [low, high, stated]));
  const [left, right, bottom, top] = [across[0]!, across.at(-1)!, up[0]!, up.at(-1)!];
  const x = (of: number): number => EDGE.left + ((of - left) / (right - left)) * (WIDE - EDGE.left - EDGE.right);
  const y = (of: number): number => HIGH - EDGE.bottom - ((of - bottom) / (top - bottom)) * (HIGH - EDGE.top - EDGE.bottom);
  const most = Math.max(...bins.map(({ forecasts }) => forecasts));
  // Where stated and happened are the same, as far as both axes go.
  const [from, to] = [Math.max(left, bottom), Math.min(right, top)];
  const drawn: SVGTemplateResult[] = bins.map((one) => svg`<g class="bin"><title>${`Stated ${ratio(one.stated, 1)}, rose ${ratio(one.happened, 1)}, n = ${one.forecasts}`}</title>
    <line x1=${x(one.stated)} x2=${x(one.stated)} y1=${y(one.low)} y2=${y(one.high)}></line>
    <circle cx=${x(one.stated)} cy=${y(one.happened)} r=${3 + 4 * Math.sqrt(one.forecasts / most)}></circle></g>`);
  return html`<svg viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label="Reliability diagram: stated chance of a rise against how often the price rose, ${bins.length} points">
    ${across.map((tick) => svg`<line class="grid-line" x1=${x(tick)} x2=${x(tick)} y1=${y(bottom)} y2=${y(top)}></line>
      <text x=${x(tick)} y=${y(bottom) + 15} text-anchor="middle">${ratio(tick, 0)}</text>`)}
    ${up.map((tick) => svg`<line class="grid-line" x1=${x(left)} x2=${x(right)} y1=${y(tick)} y2=${y(tick)}></line>
      <text x=${x(left) - 6} y=${y(tick) + 4} text-anchor="end">${ratio(tick, 0)}</text>`)}
    <line class="right-line" x1=${x(from)} y1=${y(from)} x2=${x(to)} y2=${y(to)}></line>
    ${drawn}
    <text class="axis" x=${(x(left) + x(right)) / 2} y=${HIGH - 6} text-anchor="middle">Stated chance of a rise</text>
    <text class="axis" x=${-(y(bottom) + y(top)) / 2} y="12" text-anchor="middle" transform="rotate(-90)">How often it rose</text>
  </svg>`;
}

customElements.define("semsig-calibration", Calibration);
