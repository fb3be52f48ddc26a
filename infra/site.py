"""The dashboard: built pages in a private bucket behind CloudFront, which carries `/api/*` as well: one origin."""

from typing import Any, NamedTuple

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as upload
from constructs import Construct

from .deployment import Deployment, refuse, waive
from .grants import finding
from .stage_function import retention

SCOPE = "openid email"
# Where anybody may look, where the settings say so.
PUBLIC = "/public/api"
# Around its logo the chart library writes a style of its own into the page: these very words, and no others.
LOGO_STYLE = "'sha256-3pRED1tOXas1FXFoPb9TGCjmYe9XQsmO9OV23khV2nY='"
IMMUTABLE = upload.CacheControl.from_string("public, max-age=31536000, immutable")
NO_STORE = upload.CacheControl.from_string("no-store")
# Addresses without a file's ending are the page's own; what is missing among the files stays a plain refusal.
ROUTING = """function handler(event) {
  var request = event.request;
  if (request.uri.split("/").pop().indexOf(".") < 0) request.uri = "/index.html";
  return request;
}"""


class Addresses(NamedTuple):
    """Where the page finds what is not its own origin. `socket` with its stage; `authority`: the hosted sign-in."""

    socket: str
    socket_origin: str
    authority: str
    issuer: str


def page_config(stage: str, addresses: Addresses, client_id: str, *, is_public: bool = False) -> dict[str, Any]:
    """What the page reads at its start, as `frontend/src/config.ts` understands it."""
    return {
        "stage": stage,
        **({"public": True} if is_public else {}),
        "socket": addresses.socket,
        "signIn": {
            "authority": addresses.authority,
            "issuer": addresses.issuer,
            "clientId": client_id,
            "scope": SCOPE,
        },
    }


def content_security_policy(addresses: Addresses) -> str:
    """The page runs what was built, and speaks with its own deployment only."""
    rules = {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": f"'self' {LOGO_STYLE}",
        "img-src": "'self' data: blob:",
        "connect-src": f"'self' {addresses.socket_origin} {addresses.authority}",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{rule} {sources}" for rule, sources in rules.items())


class Site(Construct):
    """`url` is known before anything is in it: `fill` comes when the sign-in knows where it leads back to."""

    def __init__(self, scope: Construct, deployment: Deployment, api_domain: str, addresses: Addresses) -> None:
        super().__init__(scope, "Site")
        self._deployment, self._addresses = deployment, addresses
        self.bucket = _bucket(self)
        headers = self._headers()
        pages = cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket, origin_access_control=self._key()),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            response_headers_policy=headers,
            function_associations=[
                cloudfront.FunctionAssociation(
                    event_type=cloudfront.FunctionEventType.VIEWER_REQUEST, function=self._routing()
                )
            ],
        )
        # The token travels in Authorization, which CloudFront hands on only with all of the viewer's headers; of them
        # Host would be the site's own, and API Gateway does not answer to that name.
        api = cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                api_domain,
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=headers,
        )
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Semantic Signal {deployment.stage}",
            default_behavior=pages,
            additional_behaviors={
                "/api/*": api,
                **({f"{PUBLIC}/*": api} if deployment.settings.cloud.is_public else {}),
            },
            default_root_object="index.html",
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
        )
        waive(
            self.distribution,
            {
                "AwsSolutions-CFR1": "paper trading is for every country, and all but the page needs a sign-in",
                "AwsSolutions-CFR2": "static files, and an API behind tokens and throttles: a firewall costs more",
                "AwsSolutions-CFR3": "the files are public and the API keeps its own access log",
                "AwsSolutions-CFR4": "1.2 is asked for; on its own domain CloudFront itself decides",
            },
        )

    @property
    def url(self) -> str:
        return f"https://{self.distribution.distribution_domain_name}/"

    def fill(self, client_id: str) -> None:
        """The built pages, and the configuration that makes them this deployment's."""
        site = self._deployment.site
        if not ((site / "index.html").exists() and (site / "assets").is_dir()):
            refuse(Stack.of(self), "Site", "the dashboard is not built: run make setup, then deploy again")
            return
        hand = Hand(self, self._deployment, self.bucket)
        config = page_config(
            self._deployment.stage, self._addresses, client_id, is_public=self._deployment.settings.cloud.is_public
        )
        assets = hand.puts("Assets", [upload.Source.asset(str(site / "assets"))], IMMUTABLE, "assets")
        pages = hand.puts(
            "Pages",
            [
                upload.Source.asset(str(site), exclude=["assets", "assets/**", "config.json"]),
                upload.Source.json_data("config.json", config),
            ],
            NO_STORE,
        )
        pages.node.add_dependency(assets)  # no page names what is not there yet

    def _named(self, part: str) -> str:
        """CloudFront is the whole account's: without its region a stage could not be deployed in a second one."""
        return f"{self._deployment.named(part)}-{Stack.of(self).region}"

    def _key(self) -> cloudfront.S3OriginAccessControl:
        return cloudfront.S3OriginAccessControl(self, "Key", origin_access_control_name=self._named("site"))

    def _routing(self) -> cloudfront.Function:
        return cloudfront.Function(
            self,
            "Routing",
            function_name=self._named("routing"),
            comment="The page's own addresses all mean index.html",
            code=cloudfront.FunctionCode.from_inline(ROUTING),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            response_headers_policy_name=self._named("headers"),
            comment="What a browser may do with the dashboard",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=content_security_policy(self._addresses), override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(365), include_subdomains=True, override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(header=name, value=value, override=True)
                    for name, value in {
                        "cross-origin-opener-policy": "same-origin",
                        "cross-origin-resource-policy": "same-origin",
                        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
                    }.items()
                ]
            ),
        )


class Hand(Construct):
    """The CDK's own function that copies files when a deployment runs, with no more rights than that takes."""

    def __init__(self, scope: Construct, deployment: Deployment, bucket: s3.Bucket) -> None:
        super().__init__(scope, "Hand")
        self._bucket = bucket
        self._log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{deployment.named('upload')}",
            retention=retention(deployment.settings.cloud.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self._log.grant(self._role, "logs:CreateLogStream", "logs:PutLogEvents")
        stack = Stack.of(self)
        staged = f"cdk-{stack.synthesizer.bootstrap_qualifier}-assets-{stack.account}-{stack.region}"
        files = {
            ("s3:GetObject",): f"arn:{stack.partition}:s3:::{staged}/*",
            ("s3:PutObject", "s3:AbortMultipartUpload"): bucket.arn_for_objects("*"),
            ("s3:ListBucket",): bucket.bucket_arn,
        }
        for actions, on in files.items():
            self._role.add_to_policy(iam.PolicyStatement(actions=[*actions], resources=[on]))
        why = "files are named when they are built; it reads what was staged and writes this one bucket"
        waive(self._role, {finding(stack, on): why for on in files.values() if on.endswith("/*")})

    def puts(
        self, name: str, sources: list[upload.ISource], cache: upload.CacheControl, prefix: str | None = None
    ) -> upload.BucketDeployment:
        """Nothing is ever taken away: a page that was opened before still loads its charts. Nor in the end: the CDK's
        own function leaves every file as long as the bucket wears its tags, so `farewell.py` empties it."""
        made = upload.BucketDeployment(
            self,
            name,
            sources=sources,
            destination_bucket=self._bucket,
            destination_key_prefix=prefix,
            cache_control=[cache],
            prune=False,
            retain_on_delete=True,
            memory_limit=256,
            log_group=self._log,
            role=self._role.without_policy_updates(),
        )
        made.node.add_dependency(self._role)
        for child in Stack.of(self).node.children:
            if child.node.id.startswith("Custom::CDKBucketDeployment"):
                waive(child, {"AwsSolutions-L1": "the CDK chooses the Python of its own function"})
        return made


def _bucket(scope: Construct) -> s3.Bucket:
    """Made anew from the repository at each deployment: nothing in it is worth keeping."""
    bucket = s3.Bucket(
        scope,
        "Bucket",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        removal_policy=RemovalPolicy.DESTROY,
    )
    waive(bucket, {"AwsSolutions-S1": "only CloudFront reads it, and what it holds is public"})
    return bucket
