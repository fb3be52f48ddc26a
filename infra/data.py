"""What must outlive everything else: the ledger, the archive; and the mail and the connections of the moment."""

from aws_cdk import Annotations, Duration, RemovalPolicy, Stack, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from semanticsignal.domain.policy import Settings

from .deployment import Deployment, waive
from .farewell import KEPT
from .grants import INDEXES, MAIL_INDEXES, Place

MARKET_DAYS, OLD_VERSION_DAYS = 90, 30
# All entries share one partition, which with its local indexes holds 10 GB. By the sizes in prices.toml a pair writes
# at each candle 2.1 KB of decision and, now and then, 0.1 KB of trade, each three times (table, two indexes); once a
# bar comes 0.4 KB of equity, which has no pair, twice.
PARTITION_BYTES, CANDLE_BYTES, BAR_BYTES = 10 * 10**9, 7_000, 800
LEAST_YEARS = 2
YEAR_S = 365 * 86_400


class Ledger(dynamodb.Table):
    """Every fact about money. CloudFormation names it, so that one that was kept is never in the way of a new one."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            "Ledger",
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        for name, key in INDEXES.items():
            self.add_local_secondary_index(
                index_name=name, sort_key=_text(key), projection_type=dynamodb.ProjectionType.ALL
            )


class Connections(dynamodb.Table):
    """Open WebSockets and tickets for them, gone by themselves at `expires_at`."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            "Connections",
            partition_key=_text("kind"),
            sort_key=_text("id"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            removal_policy=RemovalPolicy.DESTROY,
        )
        waive(self, {"AwsSolutions-DDB3": "connections live two hours; a restored one would be a closed socket"})


class Mail(dynamodb.Table):
    """What Discord is told. Apart from the ledger, so that whoever writes it can neither change nor hold up that."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            "Mail",
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        for name, key in MAIL_INDEXES.items():
            self.add_local_secondary_index(
                index_name=name, sort_key=_text(key), projection_type=dynamodb.ProjectionType.KEYS_ONLY
            )
        waive(
            self, {"AwsSolutions-DDB3": "messages that were sent are with who reads them; late ones are worth nothing"}
        )


class Archive(s3.Bucket):
    """What was seen, asked and answered. Bars can be had again from the venue; words cannot."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            "Archive",
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.add_lifecycle_rule(
            id="old versions",
            noncurrent_version_expiration=Duration.days(OLD_VERSION_DAYS),
            expired_object_delete_marker=True,
            abort_incomplete_multipart_upload_after=Duration.days(7),
        )
        self.add_lifecycle_rule(id="bars", prefix="market/", expiration=Duration.days(MARKET_DAYS))
        waive(
            self,
            {"AwsSolutions-S1": "only this deployment's functions read and write it; a log of that costs as much"},
        )


class Data(Stack):
    """The tables and the bucket; a change of anything else does not touch them."""

    def __init__(self, scope: Construct, construct_id: str, deployment: Deployment) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=deployment.named("data"),
            description="Semantic Signal: ledger, archive, mail, connections",
        )
        if (lasts := years(deployment.settings)) < LEAST_YEARS:
            Annotations.of(self).add_warning_v2(
                "semanticsignal:ledger",
                f"the ledger is full in {lasts:.1f} years: fewer symbols, or a longer timeframe (docs/operations.md)",
            )
        self.ledger, self.archive, self.connections = Ledger(self), Archive(self), Connections(self)
        mail = Mail(self)
        for name, part in {"ledger": self.ledger, "archive": self.archive}.items():
            Tags.of(part).add(KEPT, name)  # how `farewell.py` finds what CloudFormation has forgotten
        # Exported by a name of its own, so that a waiver can name what is below it.
        arn = self.export_value(self.archive.bucket_arn, name=deployment.named("archive-arn"))
        self.places = {
            "table": Place(self.ledger.table_name, self.ledger.table_arn),
            "bucket": Place(self.archive.bucket_name, str(arn)),
            "mail": Place(mail.table_name, mail.table_arn),
            "connections": Place(self.connections.table_name, self.connections.table_arn),
        }


def years(settings: Settings) -> float:
    """Until the ledger's one partition is full, and nothing can be written any more."""
    bars = YEAR_S / settings.timeframe.seconds
    return PARTITION_BYTES / (bars * (len(settings.pairs) * CANDLE_BYTES + BAR_BYTES))


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
