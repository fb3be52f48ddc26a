"""Who is let in, by which doors, and what is pushed to whom."""

import json
import re
from pathlib import Path
from typing import Any

from assembly import Assembly, Resource, asked, built, dashboard

from infra.app import app
from infra.deployment import Deployment
from infra.schedules import SCHEDULED_AT


def test_nobody_signs_up_by_themselves(cloud: Assembly) -> None:
    pool = cloud.one("AWS::Cognito::UserPool").properties

    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["UsernameAttributes"] == ["email"]
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"] and pool["MfaConfiguration"] == "OPTIONAL"
    password = pool["Policies"]["PasswordPolicy"]
    assert password["MinimumLength"] >= 12
    assert all(password[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))


def test_the_page_keeps_no_secret_and_comes_back_to_one_address(cloud: Assembly) -> None:
    client = cloud.one("AWS::Cognito::UserPoolClient").properties

    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"] and client["AllowedOAuthFlowsUserPoolClient"] is True
    assert cloud.read(client["CallbackURLs"]) == cloud.read(client["LogoutURLs"]) == [home(cloud)]
    assert sorted(client["AllowedOAuthScopes"]) == ["email", "openid"]
    assert client["EnableTokenRevocation"] is True
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert (client["AccessTokenValidity"], client["RefreshTokenValidity"]) == (60, 30 * 24 * 60)


def test_a_refresh_token_is_good_for_once(cloud: Assembly) -> None:
    client = cloud.one("AWS::Cognito::UserPoolClient").properties

    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in client["ExplicitAuthFlows"]  # the pool refuses both together


def test_the_sign_in_page_has_a_name_of_its_own_in_the_world(cloud: Assembly) -> None:
    domain = cloud.one("AWS::Cognito::UserPoolDomain").properties["Domain"]

    begins, number = domain["Fn::Join"][1]
    assert begins == "semanticsignal-dev-"
    assert "AWS::StackId" in json.dumps(number)


def test_who_may_act_is_a_group(cloud: Assembly) -> None:
    assert cloud.one("AWS::Cognito::UserPoolGroup").properties["GroupName"] == "admin"


def test_every_route_of_the_api_asks_for_a_token_of_this_page(cloud: Assembly) -> None:
    api, client = of_kind(cloud, "HTTP"), cloud.one("AWS::Cognito::UserPoolClient")
    pool = cloud.one("AWS::Cognito::UserPool")
    jwt = cloud.one("AWS::ApiGatewayV2::Authorizer", ApiId={"Ref": api.id})

    routes = routes_of(cloud, api)
    assert set(routes) == {"GET /api/{proxy+}", "POST /api/{proxy+}"}
    assert all(cloud.read(route["AuthorizerId"]) == f"<{jwt.id}>" for route in routes.values())
    assert {route["AuthorizationType"] for route in routes.values()} == {"JWT"}
    assert cloud.read(jwt.properties["JwtConfiguration"]) == {
        "Audience": [f"<{client.id}>"],
        "Issuer": f"https://cognito-idp.<AWS::Region>.amazonaws.com/<{pool.id}>",
    }


def test_where_the_settings_say_so_anybody_may_look_through_one_door_and_more_slowly(
    tmp_path: Path,
) -> None:
    deployment = Deployment(
        asked(**{"cloud.is_public": True}), layer=built(tmp_path / "layers"), site=dashboard(tmp_path / "dist")
    )
    app(deployment, outdir=str(tmp_path / "cdk.out")).synth()
    cloud = Assembly(tmp_path / "cdk.out")
    api = of_kind(cloud, "HTTP")

    routes = routes_of(cloud, api)
    assert {name: route["AuthorizationType"] for name, route in routes.items()} == {
        "GET /api/{proxy+}": "JWT", "POST /api/{proxy+}": "JWT", "GET /public/api/{proxy+}": "NONE",
    }  # fmt: skip
    limits = cloud.one("AWS::ApiGatewayV2::Stage", ApiId={"Ref": api.id}).properties["RouteSettings"]
    assert limits == {"GET /public/api/{proxy+}": {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 20}}
    paths = [
        each["PathPattern"]
        for each in cloud.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]["CacheBehaviors"]
    ]
    assert paths == ["/api/*", "/public/api/*"]


def test_a_page_of_another_origin_is_told_nothing(cloud: Assembly) -> None:
    assert "CorsConfiguration" not in of_kind(cloud, "HTTP").properties


def test_a_ticket_stands_before_every_connection(cloud: Assembly) -> None:
    api, sockets = of_kind(cloud, "WEBSOCKET"), cloud.functions["sockets"]
    door = cloud.one("AWS::ApiGatewayV2::Authorizer", ApiId={"Ref": api.id})

    routes = routes_of(cloud, api)
    assert set(routes) == {"$connect", "$disconnect", "$default"}
    assert routes["$connect"]["AuthorizationType"] == "CUSTOM"
    assert cloud.read(routes["$connect"]["AuthorizerId"]) == f"<{door.id}>"
    assert door.properties["IdentitySource"] == ["route.request.querystring.ticket"]
    assert f"<{sockets.id}.Arn>" in cloud.read(door.properties["AuthorizerUri"])


def test_every_route_leads_to_its_function(cloud: Assembly) -> None:
    leads = {"HTTP": "api", "WEBSOCKET": "sockets"}

    for kind, name in leads.items():
        api = of_kind(cloud, kind)
        found = [
            each for each in cloud.all("AWS::ApiGatewayV2::Integration") if each.properties["ApiId"] == {"Ref": api.id}
        ]
        assert found
        for each in found:
            assert f"<{cloud.functions[name].id}.Arn>" in cloud.read(each.properties["IntegrationUri"])


def test_every_door_is_throttled(cloud: Assembly) -> None:
    for stage in cloud.all("AWS::ApiGatewayV2::Stage"):
        limits = stage.properties["DefaultRouteSettings"]
        assert 0 < limits["ThrottlingRateLimit"] <= limits["ThrottlingBurstLimit"] <= 100


def test_the_socket_lies_under_the_name_of_the_deployment(cloud: Assembly) -> None:
    assert stage_of(cloud, "WEBSOCKET").properties["StageName"] == "dev"


def test_no_log_of_a_door_holds_a_query(cloud: Assembly) -> None:
    """The query of a socket holds its ticket."""
    logged = stage_of(cloud, "HTTP").properties["AccessLogSettings"]["Format"]

    assert "$context.routeKey" in logged and "$context.status" in logged
    assert not re.search("query|requestOverride|authorization", logged, re.IGNORECASE)
    assert "AccessLogSettings" not in stage_of(cloud, "WEBSOCKET").properties


def test_what_is_written_is_shown_in_its_order_and_what_fails_is_kept(cloud: Assembly) -> None:
    stream = cloud.one("AWS::Lambda::EventSourceMapping").properties
    [pattern] = [json.loads(each["Pattern"]) for each in stream["FilterCriteria"]["Filters"]]
    dead = cloud.one("AWS::SQS::Queue", QueueName="semanticsignal-dev-show-dead")

    assert cloud.read(stream["FunctionName"]) == f"<{cloud.functions['show'].id}>"
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"pk": {"S": ["ledger"]}}}}
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert not stream.get("BisectBatchOnFunctionError")  # the handler says where to begin again
    assert stream["StartingPosition"] == "LATEST"
    assert 0 < stream["MaximumRetryAttempts"] < 10 and stream["MaximumRecordAgeInSeconds"] <= 3600
    assert cloud.read(stream["DestinationConfig"]["OnFailure"]["Destination"]) == f"<{dead.id}.Arn>"
    assert stream.get("ParallelizationFactor", 1) == 1


def test_the_market_is_shown_every_minute(cloud: Assembly) -> None:
    shown = f"<{cloud.functions['show'].id}.Arn>"

    found = [each.properties for each in cloud.all("AWS::Scheduler::Schedule") if each.stack == "web"]

    assert [cloud.read(each["Target"]["Arn"]) for each in found] == [shown]
    assert found[0]["ScheduleExpression"] == "cron(* * * * ? *)"
    assert json.loads(found[0]["Target"]["Input"]) == {"kind": "ScheduledMinute", "scheduled_at": SCHEDULED_AT}


def test_what_the_ledger_does_not_keep_is_heard_on_the_bus_and_nothing_else(cloud: Assembly) -> None:
    [rule] = [each for each in cloud.all("AWS::Events::Rule") if each.stack == "web"]
    [target] = cloud.read(rule.properties["Targets"])

    kinds = {"AnalysisRequested", "MarketCollected", "MarketAnalysed", "NewsGathered", "ContextGathered"}
    assert rule.properties["EventPattern"]["source"] == ["semanticsignal"]
    assert set(rule.properties["EventPattern"]["detail-type"]) == kinds
    assert target["Arn"] == f"<{cloud.functions['show'].id}.Arn>"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 2}
    assert "-dead" in str(cloud.one("AWS::SQS::Queue", QueueName="semanticsignal-dev-show-dead").properties)


def test_only_the_socket_gateway_may_ask_the_door_keeper(cloud: Assembly) -> None:
    for permission in cloud.all("AWS::Lambda::Permission"):
        if permission.stack == "web":
            shows = cloud.read(permission.properties["FunctionName"]) == f"<{cloud.functions['show'].id}.Arn>"
            principal = "events.amazonaws.com" if shows else "apigateway.amazonaws.com"
            assert permission.properties["Principal"] == principal
            assert "SourceArn" in permission.properties


def test_the_outputs_say_where_it_is_and_how_the_first_person_comes_in(cloud: Assembly) -> None:
    outputs = {name: cloud.read(output["Value"]) for name, output in cloud.templates["web"]["Outputs"].items()}
    pool = f"<{cloud.one('AWS::Cognito::UserPool').id}>"

    assert outputs["DashboardUrl"] == home(cloud)
    assert outputs["UserPoolId"] == pool
    made, joined = outputs["MakeAnAdmin"].split(" && ")
    assert made.startswith(f"aws cognito-idp admin-create-user --user-pool-id {pool} --username ")
    assert joined.endswith("--group-name admin")


def of_kind(cloud: Assembly, kind: str) -> Resource:
    return cloud.one("AWS::ApiGatewayV2::Api", ProtocolType=kind)


def stage_of(cloud: Assembly, kind: str) -> Resource:
    return cloud.one("AWS::ApiGatewayV2::Stage", ApiId={"Ref": of_kind(cloud, kind).id})


def routes_of(cloud: Assembly, api: Resource) -> dict[str, dict[str, Any]]:
    found = [each.properties for each in cloud.all("AWS::ApiGatewayV2::Route")]
    return {each["RouteKey"]: each for each in found if each["ApiId"] == {"Ref": api.id}}


def home(cloud: Assembly) -> str:
    return f"https://<{cloud.one('AWS::CloudFront::Distribution').id}.DomainName>/"
