"""The pages: who can read them, what a browser may do with them, and what makes them this deployment's."""

import json
import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from assembly import Assembly, Resource

from infra.deployment import ROOT
from infra.site import LOGO_STYLE, ROUTING, Addresses, content_security_policy, page_config

ADDRESSES = Addresses(
    "wss://socket.example/dev", "wss://socket.example", "https://people.example", "https://issuer.example"
)
CHARTS = ROOT / "frontend/node_modules/lightweight-charts/dist/lightweight-charts.production.mjs"


def test_nobody_reads_the_bucket_but_cloudfront(cloud: Assembly) -> None:
    bucket = pages(cloud)
    policy = cloud.one("AWS::S3::BucketPolicy", Bucket={"Ref": bucket.id}).properties["PolicyDocument"]["Statement"]
    distribution = cloud.one("AWS::CloudFront::Distribution")

    assert all(bucket.properties["PublicAccessBlockConfiguration"].values())
    allowed = [each for each in policy if each["Effect"] == "Allow"]
    assert [each["Principal"] for each in allowed] == [{"Service": "cloudfront.amazonaws.com"}]
    assert allowed[0]["Action"] == "s3:GetObject"
    assert distribution.id in json.dumps(allowed[0]["Condition"])
    assert any(each["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(each) for each in policy)


def test_no_bucket_anywhere_is_public(cloud: Assembly) -> None:
    for bucket in cloud.all("AWS::S3::Bucket"):
        assert all(bucket.properties["PublicAccessBlockConfiguration"].values()), bucket.id
        assert "WebsiteConfiguration" not in bucket.properties


def test_the_policy_of_the_page_admits_only_its_own_deployment(cloud: Assembly) -> None:
    socket = cloud.one("AWS::ApiGatewayV2::Api", ProtocolType="WEBSOCKET")

    rules = policy(cloud)

    pool = "https://semanticsignal-dev-<number>.auth.<AWS::Region>.amazoncognito.com"
    assert rules["connect-src"] == f"'self' <{socket.id}.ApiEndpoint> {pool}"
    assert rules["default-src"] == rules["script-src"] == rules["form-action"] == "'self'"
    assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"


def test_the_policy_of_the_page_admits_nothing_inline_and_no_wildcard() -> None:
    told = content_security_policy(ADDRESSES)

    assert "unsafe" not in told and "*" not in told
    assert not re.search(r"(?<![a-z:])(https?|wss?):(?!//)", told)


@pytest.mark.skipif(not CHARTS.exists(), reason="the dashboard's packages are not here: make setup")
def test_the_one_style_that_is_admitted_is_that_of_the_chart_library() -> None:
    found = re.search(r'innerText="(a#tv-attr-logo[^"]*)"', CHARTS.read_text(encoding="utf-8"))

    assert found
    assert f"'sha256-{b64encode(sha256(found[1].encode()).digest()).decode()}'" == LOGO_STYLE


def test_every_answer_says_what_a_browser_may_do_with_it(cloud: Assembly) -> None:
    policy = cloud.one("AWS::CloudFront::ResponseHeadersPolicy")
    security = policy.properties["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]

    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 86_400
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ContentTypeOptions"]["Override"] is True
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    for behavior in behaviors(cloud):
        assert cloud.read(behavior["ResponseHeadersPolicyId"]) == f"<{policy.id}>"
        assert behavior["ViewerProtocolPolicy"] in ("redirect-to-https", "https-only")


def test_the_api_is_never_cached_and_is_told_who_asks(cloud: Assembly) -> None:
    api = next(each for each in behaviors(cloud) if each.get("PathPattern") == "/api/*")

    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    assert api["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AllViewerExceptHostHeader
    assert "POST" in api["AllowedMethods"]


def test_what_the_api_refuses_stays_a_refusal(cloud: Assembly) -> None:
    """Pages for errors would turn a 404 of the API into a page."""
    distribution = cloud.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]

    routed = [each.get("PathPattern", "default") for each in behaviors(cloud) if each.get("FunctionAssociations")]
    assert "CustomErrorResponses" not in distribution
    assert routed == ["default"]
    assert (distribution["HttpVersion"], distribution["PriceClass"]) == ("http2and3", "PriceClass_100")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/", "/index.html"),
        ("/settings", "/index.html"),
        ("/some/page/", "/index.html"),
        ("/index.html", "/index.html"),
        ("/assets/index-0a1b2c3d.js", "/assets/index-0a1b2c3d.js"),
        ("/config.json", "/config.json"),
    ],
)
def test_an_address_of_the_page_means_the_page(asked: str, given: str) -> None:
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not here")
    told = json.dumps({"request": {"uri": asked}})

    done = subprocess.run([node, "-p", f"{ROUTING}\nhandler({told}).uri"], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == given


def test_the_configuration_holds_the_addresses_of_this_deployment(cloud: Assembly) -> None:
    socket = cloud.one("AWS::ApiGatewayV2::Api", ProtocolType="WEBSOCKET")
    client, pool = cloud.one("AWS::Cognito::UserPoolClient"), cloud.one("AWS::Cognito::UserPool")

    assert configuration(cloud) == {
        "stage": "dev",
        "socket": f"wss://<{socket.id}>.execute-api.<AWS::Region>.<AWS::URLSuffix>/dev",
        "signIn": {
            "authority": "https://semanticsignal-dev-<number>.auth.<AWS::Region>.amazoncognito.com",
            "issuer": f"https://cognito-idp.<AWS::Region>.amazonaws.com/<{pool.id}>",
            "clientId": f"<{client.id}>",
            "scope": "openid email",
        },
    }


def test_the_page_understands_its_configuration() -> None:
    """The same keys as `frontend/src/config.ts` reads; its own tests say what it makes of them."""
    told = page_config("dev", ADDRESSES, "client")
    reads = (ROOT / "frontend/src/config.ts").read_text(encoding="utf-8")

    assert set(told) == {"stage", "socket", "signIn"}
    assert set(told["signIn"]) == {"authority", "issuer", "clientId", "scope"}
    assert all(f'"{key}"' in reads for key in (*told, *told["signIn"]))


def test_what_is_named_by_its_content_is_kept_for_ever_and_the_rest_never(cloud: Assembly) -> None:
    kept = {
        each.properties.get("DestinationBucketKeyPrefix", ""): each for each in cloud.all("Custom::CDKBucketDeployment")
    }

    assert "immutable" in kept["assets"].properties["SystemMetadata"]["cache-control"]
    assert kept[""].properties["SystemMetadata"]["cache-control"] == "no-store"
    assert all(
        each.properties["Prune"] is False for each in kept.values()
    )  # pages that are open still load their charts
    assert kept["assets"].id in kept[""].whole["DependsOn"]


def test_cloudfront_s_names_are_of_one_stage_in_one_region(cloud: Assembly) -> None:
    """They are the whole account's, and hold 64 characters."""
    parts = {
        "AWS::CloudFront::Function": lambda p: p["Name"],
        "AWS::CloudFront::ResponseHeadersPolicy": lambda p: p["ResponseHeadersPolicyConfig"]["Name"],
        "AWS::CloudFront::OriginAccessControl": lambda p: p["OriginAccessControlConfig"]["Name"],
    }

    names = [cloud.read(name(cloud.one(type).properties)) for type, name in parts.items()]

    assert names == [f"semanticsignal-dev-{part}-<AWS::Region>" for part in ("routing", "headers", "site")]
    longest = "a" * 12, "ap-southeast-2"
    assert all(len(name.replace("dev", longest[0]).replace("<AWS::Region>", longest[1])) <= 64 for name in names)


def test_who_copies_the_pages_takes_none_away(cloud: Assembly) -> None:
    """The CDK's own function cannot, at the end, and says nothing of it: `farewell.py` empties the bucket."""
    deployments = list(cloud.all("Custom::CDKBucketDeployment"))
    [hand] = [each for each in cloud.all("AWS::IAM::Role") if each.id.startswith("SiteHandRole")]

    assert len(deployments) == 2 and all(each.properties["RetainOnDelete"] is True for each in deployments)
    said = {action for statement in cloud.statements("web", hand.id) for action in statement["Action"]}
    assert "s3:PutObject" in said and not {action for action in said if "Delete" in action}


def test_a_build_for_one_s_own_machine_does_not_overwrite_the_configuration(cloud: Assembly) -> None:
    names = {
        path.name
        for folder in cloud.folder.glob("asset.*")
        if (folder / "index.html").exists()
        for path in folder.iterdir()
    }

    assert "index.html" in names and not names & {"config.json", "assets"}


def test_a_dashboard_that_is_not_built_is_refused(unbuilt: Assembly) -> None:
    [never] = unbuilt.templates["web"]["Rules"]["UnbuiltSite"]["Assertions"]

    assert "make setup" in never["AssertDescription"]
    assert not list(unbuilt.all("Custom::CDKBucketDeployment"))


def pages(cloud: Assembly) -> Resource:
    return next(each for each in cloud.all("AWS::S3::Bucket") if each.stack == "web")


def behaviors(cloud: Assembly) -> list[dict[str, Any]]:
    config = cloud.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    return [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]


def policy(cloud: Assembly) -> dict[str, str]:
    config = cloud.one("AWS::CloudFront::ResponseHeadersPolicy").properties["ResponseHeadersPolicyConfig"]
    told = words(cloud, config["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    return dict(rule.split(" ", 1) for rule in told.split("; "))


def configuration(cloud: Assembly) -> Any:
    """`config.json` as it lies in the bucket: what its marks stand for in their places."""
    deployment = next(each for each in cloud.all("Custom::CDKBucketDeployment") if "SourceMarkers" in each.properties)
    [path] = cloud.folder.glob("asset.*/config.json")
    text = path.read_text(encoding="utf-8")
    for markers in deployment.properties["SourceMarkers"]:
        for mark, value in markers.items():
            text = text.replace(mark, words(cloud, value))
    return json.loads(text)


def words(cloud: Assembly, value: Any) -> str:
    """Read; the number that is cut out of the stack's own name is just a number."""
    return re.sub(r"\{'Fn::Select.*\}", "<number>", str(cloud.read(value)))
