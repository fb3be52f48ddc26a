"""What AWS says to a desk, in words that mend it."""

from collections.abc import Callable

from ..domain.errors import CloudUnavailable
from ..domain.untrusted import line

LONGEST = 160
CREDENTIALS = "aws configure, aws sso login, or AWS_PROFILE"
EXPIRED = "the AWS credentials are no longer valid", CREDENTIALS
UNKNOWN = "AWS does not know these credentials", CREDENTIALS
FORBIDDEN = "these AWS credentials may not do that", "a role that may, by AWS_PROFILE"
BUSY = "AWS is asked too often", "ask again in a minute"
# By AWS's own name of what is wrong.
WORDS = {
    "NoCredentialsError": ("there are no AWS credentials on this machine", CREDENTIALS),
    "PartialCredentialsError": ("half of the AWS credentials is missing", CREDENTIALS),
    "ProfileNotFound": ("there is no such AWS profile", "another AWS_PROFILE; aws configure list-profiles says which"),
    "NoRegionError": ("no AWS region is set", "AWS_REGION, such as eu-central-1, or aws configure"),
    "InvalidRegionError": ("AWS_REGION is no region", "one such as eu-central-1"),
    "EndpointConnectionError": ("AWS cannot be reached", "the network, and whether AWS_REGION is a region"),
    "ConnectTimeoutError": ("AWS does not answer", "the network"),
    "ReadTimeoutError": ("AWS does not answer in time", "ask again in a minute"),
    "ExpiredTokenException": EXPIRED,
    "ExpiredToken": EXPIRED,
    "TokenRetrievalError": EXPIRED,
    "UnauthorizedSSOTokenError": EXPIRED,
    "SSOTokenLoadError": EXPIRED,
    "UnrecognizedClientException": UNKNOWN,
    "InvalidClientTokenId": UNKNOWN,
    "InvalidSignatureException": UNKNOWN,
    "SignatureDoesNotMatch": UNKNOWN,
    "AccessDeniedException": FORBIDDEN,
    "AccessDenied": FORBIDDEN,
    "TooManyRequestsException": BUSY,
    "ThrottlingException": BUSY,
    "Throttling": BUSY,
}


def said(wrong: CloudUnavailable) -> tuple[str, str]:
    """What is wrong, and its mend."""
    return WORDS.get(wrong.code, (line(str(wrong), LONGEST), "the account; docs/operations.md"))


def of_function(wrong: CloudUnavailable, name: str, region: Callable[[], str | None]) -> str:
    """One line on a function that could not be called."""
    if wrong.code == "ResourceNotFoundException":
        where = f"there is no function {name} in {region()}"
        return f"{where}; make deploy, or another AWS_REGION or SEMSIG_CLOUD__STAGE"
    if wrong.code not in WORDS:
        return line(str(wrong), LONGEST)
    what, mend = WORDS[wrong.code]
    return f"{name} cannot be called: {what}; {mend}"
