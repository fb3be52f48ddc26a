"""The watchtower: one alarm for each promise, one place where they ring, and a budget."""

from collections.abc import Iterable
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from .deployment import Deployment
from .stage_function import StageFunction

MISSING_IS = cloudwatch.TreatMissingData
DAY_S, WEEK_S = 86_400, 604_800
RINGS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com")


class Bell(sns.Topic):
    """Where alarms and the budget ring; whoever `cloud.alarm_email` names confirms once by mail."""

    def __init__(self, scope: Construct, deployment: Deployment) -> None:
        # An alarm's words hold no secret. A key costs more than all alarms, and AWS's own would lock them out.
        super().__init__(scope, "Bell", topic_name=deployment.named("alarms"), enforce_ssl=True)
        mine = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
        for service in RINGS:
            ringer = iam.ServicePrincipal(service, conditions=mine)
            self.add_to_resource_policy(
                iam.PolicyStatement(actions=["sns:Publish"], principals=[ringer], resources=[self.topic_arn])
            )
        if mail := deployment.settings.cloud.alarm_email:
            self.add_subscription(subscriptions.EmailSubscription(mail))


class Watchtower(Stack):
    """`functions`: all of the deployment. Rings when a promise is broken, and again when it is kept."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        deployment: Deployment,
        ledger: dynamodb.Table,
        functions: Iterable[StageFunction],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=deployment.named("watchtower"),
            description="Semantic Signal: alarms and budget",
        )
        self._deployment, self._bell = deployment, Bell(self, deployment)
        functions = tuple(functions)
        for stack in {Stack.of(each).node.path: Stack.of(each) for each in functions}.values():
            self.add_stack_dependency(
                stack, "its alarms read queues and functions by name: an export keeps what it names"
            )
        self._decisions()
        self._dead_letters(functions)
        self._errors([function for function in functions if function.dead is None])
        self._throttles(ledger)
        self._model_spend()
        self._drawdown()
        self._forgetting()
        self._budget()

    def _decisions(self) -> None:
        timeframe_s = self._deployment.settings.timeframe.seconds
        period_s, periods = two_candles(timeframe_s)
        pairs = len(self._deployment.settings.pairs)
        self._alarm(
            "NoDecision",
            "a pair had no decision in two candles" if period_s * periods > timeframe_s else "no decision for a candle",
            self._told("DecisionMade", period_s),
            threshold=pairs,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=MISSING_IS.BREACHING,
        )

    def _dead_letters(self, functions: Iterable[StageFunction]) -> None:
        for function in functions:
            if function.dead:
                waiting = cloudwatch.Metric(
                    namespace="AWS/SQS",
                    metric_name="ApproximateNumberOfMessagesVisible",
                    dimensions_map={"QueueName": self._deployment.named(f"{function.stage}-dead")},
                    statistic="Maximum",
                    period=Duration.minutes(5),
                )
                self._alarm(f"{function.stage.capitalize()}Dead", f"{function.stage} gave up on an event", waiting)

    def _errors(self, functions: list[StageFunction]) -> None:
        """Of those that somebody waits for; what the others fail at for good becomes a dead letter."""
        if functions:
            period = Duration.minutes(5)
            parts = {
                each.stage: cloudwatch.Metric(
                    namespace="AWS/Lambda",
                    metric_name="Errors",
                    dimensions_map={"FunctionName": self._deployment.named(each.stage)},
                    statistic="Sum",
                    period=period,
                )
                for each in functions
            }
            self._alarm("Errors", f"one of {', '.join(parts)} failed", _sum(parts, period))

    def _throttles(self, ledger: dynamodb.Table) -> None:
        period = Duration.minutes(5)
        parts = {
            side: ledger.metric(f"{side.capitalize()}ThrottleEvents", statistic="Sum", period=period)
            for side in ("read", "write")
        }
        self._alarm("LedgerThrottled", "DynamoDB let the ledger wait", _sum(parts, period))

    def _model_spend(self) -> None:
        budget = float(self._deployment.settings.cloud.budget_usd)
        spent = {each: self._told("ModelSpendUsd", DAY_S, by=each) for each in ("decide", "review")}
        self._alarm(
            "ModelSpend",
            "at this day's pace the models spend more than the month's budget",
            _sum(spent, Duration.seconds(DAY_S)),
            threshold=round(budget / 30, 4),
        )

    def _drawdown(self) -> None:
        self._alarm(
            "Drawdown",
            "equity fell from its peak to where the breaker pauses entries",
            self._told("DrawdownRatio", 300, by="watch", statistic="Maximum"),
            threshold=self._deployment.settings.risk.max_drawdown_ratio,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # equity is marked once a candle, and the breaker holds in between
            treat_missing_data=MISSING_IS.IGNORE,
        )

    def _forgetting(self) -> None:
        """Of candles longer than a day, which have a figure on one day only, each rings."""
        timeframe_s = self._deployment.settings.timeframe.seconds
        period_s, periods = two_candles(timeframe_s)
        is_long = timeframe_s > period_s
        self._alarm(
            "Forgetting",
            "a candle was decided without memory" if is_long else "two candles running were decided without memory",
            self._told("DecisionsWithoutMemory", period_s),
            evaluation_periods=periods,
            datapoints_to_alarm=1 if is_long else periods,
        )

    def _budget(self) -> None:
        """Of the whole account: a budget of tagged costs stays at zero until the tag is activated by hand."""
        limit = budgets.CfnBudget.SpendProperty(amount=float(self._deployment.settings.cloud.budget_usd), unit="USD")
        rings = budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=self._bell.topic_arn)
        notifications = [
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=100,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[rings],
            )
            for kind in ("ACTUAL", "FORECASTED")
        ]
        budget = budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=self._deployment.named("budget"),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=limit,
            ),
            notifications_with_subscribers=notifications,
        )
        budget.node.add_dependency(self._bell)

    def _told(self, metric: str, period_s: int, by: str = "decide", statistic: str = "Sum") -> cloudwatch.Metric:
        """What a function says of itself, see `drivers/aws_lambda.py`."""
        return cloudwatch.Metric(
            namespace=self._deployment.metrics,
            metric_name=metric,
            dimensions_map={"service": by},
            statistic=statistic,
            period=Duration.seconds(period_s),
        )

    def _alarm(self, name: str, says: str, metric: cloudwatch.IMetric, **otherwise: Any) -> None:
        """Above zero once, unless said otherwise."""
        usual = {
            "threshold": 0,
            "comparison_operator": cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            "evaluation_periods": 1,
            "treat_missing_data": MISSING_IS.NOT_BREACHING,
        }
        named = self._deployment.named(name)
        alarm = cloudwatch.Alarm(
            self, name, alarm_name=named, alarm_description=says, metric=metric, **{**usual, **otherwise}
        )
        bell = actions.SnsAction(self._bell)
        alarm.add_alarm_action(bell)
        alarm.add_ok_action(bell)


def two_candles(timeframe_s: int) -> tuple[int, int]:
    """Length and number of periods that an alarm looks at: one a candle, and at most a week of days."""
    period_s = min(timeframe_s, DAY_S)
    return period_s, min(2 * timeframe_s, WEEK_S) // period_s


def _sum(parts: dict[str, cloudwatch.Metric], period: Duration) -> cloudwatch.MathExpression:
    """A part that says nothing counts as nothing: else the sum says nothing either, whatever the others say."""
    added = "+".join(f"FILL({part},0)" for part in parts)
    return cloudwatch.MathExpression(expression=added, using_metrics={**parts}, period=period, label="all")
