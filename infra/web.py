"""What people see: who may sign in, the HTTP API, the WebSocket API, what is pushed to it, and the site."""

import json

from aws_cdk import CfnOutput, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from constructs import Construct

from semanticsignal.adapters.dynamodb import ENTRIES
from semanticsignal.domain.events import MinutePassed
from semanticsignal.stages.show import UNWRITTEN

from .data import Data
from .deployment import Deployment, waive
from .grants import Place, grant
from .pipeline import of_ours
from .schedules import BY_SCHEDULE, Timetable
from .site import PUBLIC, Addresses, Site
from .stage_function import RETRIES, StageFunction, age_s, retention

ADMINS = "admin"
# A handful of people with a page or two open each; a script that runs wild costs cents.
REQUESTS = gateway.ThrottleSettings(rate_limit=25, burst_limit=50)
LOOKS = gateway.ThrottleSettings(rate_limit=10, burst_limit=20)
SOCKETS = gateway.ThrottleSettings(rate_limit=10, burst_limit=20)
# Never the query: that of a socket holds its ticket.
LOGGED = {
    "at": "$context.requestTime",
    "request_id": "$context.requestId",
    "route": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "who": "$context.authorizer.claims.sub",
    "refused": "$context.authorizer.error",
    "failed": "$context.integrationErrorMessage",
    "latency_ms": "$context.responseLatency",
    "bytes": "$context.responseLength",
}


class People(Construct):
    """A user pool without sign-up and its hosted sign-in page. Whoever is in the group `admin` may act."""

    def __init__(self, scope: Construct, deployment: Deployment) -> None:
        super().__init__(scope, "People")
        is_kept = deployment.stage == "prod"
        self.pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name=deployment.named("people"),
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                temp_password_validity=Duration.days(7),
            ),
            feature_plan=cognito.FeaturePlan.ESSENTIALS,
            deletion_protection=is_kept,
            removal_policy=RemovalPolicy.RETAIN if is_kept else RemovalPolicy.DESTROY,
        )
        waive(
            self.pool,
            {
                "AwsSolutions-COG2": "while it is optional the classic sign-in page enrols nobody: in effect "
                "there is one factor, before paper money",
                "AwsSolutions-COG3": "threat protection is billed by the head, and nobody can sign up",
                "AwsSolutions-COG8": "the plan with threat protection is billed by the head, and nobody can sign up",
            },
        )
        self.pool.add_group("Admins", group_name=ADMINS, description="May ask for an analysis")
        # Unique in its region among everybody's: eight digits of the stack's own number.
        number = Fn.select(0, Fn.split("-", Fn.select(2, Fn.split("/", Stack.of(self).stack_id))))
        self._domain = deployment.named(number)
        self.pool.add_domain("Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=self._domain))

    @property
    def authority(self) -> str:
        return f"https://{self._domain}.auth.{Stack.of(self).region}.amazoncognito.com"

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{Stack.of(self).region}.amazonaws.com/{self.pool.user_pool_id}"

    def client(self, home: str) -> cognito.UserPoolClient:
        """The page at `home`: it can keep no secret, so it proves itself by PKCE and its address."""
        return self.pool.add_client(
            "Dashboard",
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user_srp=True),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL],
                callback_urls=[home],
                logout_urls=[home],
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=Duration.hours(1),
            id_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.days(30),
            # A refresh token is good for once; an answer that was lost may be asked for again for a minute.
            refresh_token_rotation_grace_period=Duration.seconds(60),
        )


class HttpApi(gateway.HttpApi):
    """`/api/*` for whoever is signed in; everything else is no route."""

    def __init__(self, scope: Construct, deployment: Deployment) -> None:
        super().__init__(
            scope,
            "HttpApi",
            api_name=deployment.named("api"),
            description="Semantic Signal: what the dashboard asks",
            create_default_stage=False,
        )
        log = logs.LogGroup(
            scope,
            "HttpApiLog",
            # Under this prefix AWS needs no word more in the account's one log policy, which is short.
            log_group_name=f"/aws/vendedlogs/{deployment.named('api-access')}",
            retention=retention(deployment.settings.cloud.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        stage = self.add_stage("Stage", stage_name="$default", auto_deploy=True, throttle=REQUESTS).node.default_child
        assert isinstance(stage, gateway.CfnStage)
        self._stage = stage
        stage.access_log_settings = gateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=json.dumps(LOGGED)
        )

    @property
    def domain(self) -> str:
        stack = Stack.of(self)
        return f"{self.api_id}.execute-api.{stack.region}.{stack.url_suffix}"

    def open_to_all(self, function: lambda_.Function) -> None:
        """To look, and slower than those who are signed in, so that they are never crowded out."""
        [route] = self.add_routes(
            path=f"{PUBLIC}/{{proxy+}}",
            methods=[gateway.HttpMethod.GET],
            integration=integrations.HttpLambdaIntegration("Public", function),
            authorizer=gateway.HttpNoneAuthorizer(),
        )
        waive(route, {"AwsSolutions-APIG4": "cloud.is_public: anybody may look; the function leaves out what was said"})
        limits = {"ThrottlingRateLimit": LOOKS.rate_limit, "ThrottlingBurstLimit": LOOKS.burst_limit}
        self._stage.route_settings = {f"GET {PUBLIC}/{{proxy+}}": limits}
        self._stage.node.add_dependency(route)

    def open(self, function: lambda_.Function, issuer: str, client_id: str) -> None:
        self.add_routes(
            path="/api/{proxy+}",
            methods=[gateway.HttpMethod.GET, gateway.HttpMethod.POST],
            integration=integrations.HttpLambdaIntegration("Api", function),
            authorizer=authorizers.HttpJwtAuthorizer("SignedIn", issuer, jwt_audience=[client_id]),
            authorization_scopes=["openid"],  # an access token of the page; an id token has no scope
        )


class SocketApi(gateway.WebSocketApi):
    """One way to the browsers; a ticket lets one in, and after that they have nothing to say but that they live."""

    def __init__(self, scope: Construct, deployment: Deployment, function: lambda_.Function) -> None:
        def route(name: str) -> integrations.WebSocketLambdaIntegration:
            return integrations.WebSocketLambdaIntegration(name, function)

        ticket = authorizers.WebSocketLambdaAuthorizer(
            "Ticket", function, identity_source=["route.request.querystring.ticket"]
        )
        super().__init__(
            scope,
            "SocketApi",
            api_name=deployment.named("sockets"),
            description="Semantic Signal: what the dashboard is told",
            connect_route_options=gateway.WebSocketRouteOptions(integration=route("OnConnect"), authorizer=ticket),
            disconnect_route_options=gateway.WebSocketRouteOptions(integration=route("OnDisconnect")),
            default_route_options=gateway.WebSocketRouteOptions(integration=route("OnMessage")),
        )
        self.stage = gateway.WebSocketStage(
            scope,
            "SocketStage",
            web_socket_api=self,
            stage_name=deployment.stage,
            auto_deploy=True,
            throttle=SOCKETS,
        )
        waive(
            self.stage,
            {"AwsSolutions-APIG1": "its log needs a role set for the whole account; the function logs instead"},
        )
        for name in ("$disconnect", "$default"):
            why = {
                "AwsSolutions-APIG4": "only $connect can have an authorizer; whoever is connected has shown a ticket"
            }
            waive(self.node.find_child(f"{name}-Route"), why)

    @property
    def place(self) -> Place:
        arn = Stack.of(self).format_arn(
            service="execute-api", resource=self.api_id, resource_name=self.stage.stage_name
        )
        return Place(self.stage.callback_url, arn)


class Web(Stack):
    """`given`: every place but the socket. A change here touches no money."""

    def __init__(
        self, scope: Construct, construct_id: str, deployment: Deployment, data: Data, given: dict[str, Place]
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=deployment.named("web"),
            description="Semantic Signal: sign-in, APIs, dashboard",
        )
        api, sockets = (StageFunction(self, name, deployment, is_asked=True) for name in ("api", "sockets"))
        show = StageFunction(self, "show", deployment)
        self.functions = (api, sockets, show)

        people, http = People(self, deployment), HttpApi(self, deployment)
        speaking = SocketApi(self, deployment, sockets)
        addresses = Addresses(speaking.stage.url, speaking.api_endpoint, people.authority, people.issuer)
        site = Site(self, deployment, http.domain, addresses)
        client = people.client(site.url)
        http.open(api, people.issuer, client.user_pool_client_id)
        if deployment.settings.cloud.is_public:
            http.open_to_all(api)
        site.fill(client.user_pool_client_id)

        for function in self.functions:
            grant(function.stage, function, {**given, "socket": speaking.place})
        _hears(show, data, deployment)
        _overhears(show, self, given["bus"], deployment)
        Timetable(self, deployment, "web").clocks(show, (MinutePassed,))
        self._outputs(site.url, people.pool.user_pool_id)

    def _outputs(self, url: str, pool: str) -> None:
        mail = "you@example.org"
        who = f"--user-pool-id {pool} --username {mail}"
        made = f"admin-create-user {who} --user-attributes Name=email,Value={mail} Name=email_verified,Value=true"
        joined = f"admin-add-user-to-group {who} --group-name {ADMINS}"
        command = f"aws cognito-idp {made} && aws cognito-idp {joined}"
        CfnOutput(self, "DashboardUrl", value=url, description="the dashboard")
        CfnOutput(self, "UserPoolId", value=pool, description="who may sign in")
        CfnOutput(self, "MakeAnAdmin", value=command, description="the first person; a password comes by mail")


def _hears(show: StageFunction, data: Data, deployment: Deployment) -> None:
    """Each entry of the ledger once it is written, in its order; neither its head nor its names."""
    assert show.dead is not None
    entry = lambda_.FilterCriteria.filter({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"pk": {"S": [ENTRIES]}}}})
    show.add_event_source(
        sources.DynamoEventSource(
            data.ledger,
            starting_position=lambda_.StartingPosition.LATEST,
            batch_size=100,
            report_batch_item_failures=True,
            retry_attempts=RETRIES,
            max_record_age=Duration.seconds(age_s("show", deployment.settings)),
            on_failure=sources.SqsDlq(show.dead),
            filters=[entry],
        )
    )
    assert show.role is not None
    waive(
        show.role, {"AwsSolutions-IAM5[Resource::*]": "the names of streams can be listed for all of an account only"}
    )


def _overhears(show: StageFunction, scope: Construct, bus: Place, deployment: Deployment) -> None:
    """Of the bus only what the ledger does not keep: how far an analysis is, that something was gathered."""
    assert show.dead is not None
    target = targets.LambdaFunction(show, dead_letter_queue=show.dead, retry_attempts=RETRIES, max_event_age=show.age)
    events.Rule(
        scope,
        "ShowRule",
        rule_name=deployment.named("show"),
        description="What show hears beside the ledger",
        event_bus=events.EventBus.from_event_bus_name(scope, "Bus", bus.told),
        event_pattern=of_ours([kind.__name__ for kind in overheard()]),
        targets=[target],
    )


def overheard() -> tuple[type, ...]:
    """Whoever tells CandleClosed does so by schedule, to those who collect alone."""
    return tuple(kind for kind in UNWRITTEN if kind not in BY_SCHEDULE)
