/** The wire's shapes under their short names; all of them are generated. */
import type { components } from "./wire";

type Schemas = components["schemas"];

export type StateView = Schemas["StateView"];
export type HealthView = Schemas["HealthView"];
export type StatisticsView = Schemas["StatisticsView"];
export type DecisionView = Schemas["DecisionView"];
export type PositionView = Schemas["PositionView"];
export type TradeView = Schemas["TradeView"];
export type EquityView = Schemas["EquityView"];
export type OrderView = Schemas["OrderView"];
export type ExperienceView = Schemas["ExperienceView"];
export type Experiences = Schemas["Experiences"];
export type MemoryView = Schemas["MemoryView"];
export type RecallView = Schemas["RecallView"];
export type Decisions = Schemas["Decisions"];
export type RuleView = Schemas["RuleView"];
export type RefusedView = Schemas["RefusedView"];
export type MarketView = Schemas["MarketView"];
export type CandleView = Schemas["CandleView"];
export type IntervalsView = Schemas["IntervalsView"];
export type Estimate = Schemas["Estimate"];
export type CurveView = Schemas["CurveView"];
export type CalibrationView = Schemas["CalibrationView"];
export type BinView = Schemas["BinView"];
export type CostsView = Schemas["CostsView"];
export type CostView = Schemas["CostView"];
export type WhyView = Schemas["WhyView"];
export type Attempt = WhyView["attempts"][number];
export type Mismatch = WhyView["mismatches"][number];
export type NewsView = Schemas["NewsView"];
export type ArticleView = Schemas["ArticleView"];
export type ExcerptView = Schemas["ExcerptView"];
export type ContextView = Schemas["ContextView"];
export type FigureView = Schemas["FigureView"];
export type GapView = Schemas["GapView"];
export type Seen = Schemas["Seen"];
export type SnapshotView = Schemas["SnapshotView"];
export type FillView = Schemas["FillView"];
export type WorkedView = Schemas["WorkedView"];
export type BrainView = Schemas["BrainView"];
export type BrainNode = Schemas["BrainNodeView"];
export type BrainEdge = Schemas["BrainEdgeView"];
export type QueuedView = Schemas["QueuedView"];
export type VitalsView = Schemas["VitalsView"];
export type HindsightView = Schemas["HindsightView"];
export type PostMortemView = Schemas["PostMortemView"];
export type MinutePassedView = Schemas["MinutePassedView"];
export type PulseView = Schemas["PulseView"];
export type AnalysisSteppedView = Schemas["AnalysisSteppedView"];
export type EventView = WhyView["events"][number];
/** What the ledger keeps, and numbers. */
export type StoredEvent = Extract<EventView, { seq: number }>;
/** What is pushed and forgotten. */
export type PassingEvent = Exclude<EventView, StoredEvent>;

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
}
