"""What the API answers when it does not answer: Stripe's error bodies, word for word where they are known."""

from pqintel.simulator.render.shape import Json


class Refusal(Exception):  # noqa: N818 - an answer like any other, only not the wanted one
    """An answer other than 200."""

    def __init__(self, status: int, error: Json, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(error.get("message", "")))
        self.status = status
        self.body: Json = {"error": error}
        self.headers = headers or {}


def masked(key: str) -> str:
    """Return a key as Stripe quotes it in messages: prefix, stars, last four."""
    prefix = "_".join(key.split("_")[:2]) + "_" if key.count("_") >= 2 else ""
    hidden = max(len(key) - len(prefix) - 4, 0)
    return prefix + "*" * hidden + key[-4:] if hidden else key


def no_key() -> Refusal:
    """No Authorization header, or one that carries no key."""
    message = (
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
        "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "
        "details, or we can help at https://support.stripe.com/."
    )
    return Refusal(401, {"message": message, "type": "invalid_request_error"}, {"WWW-Authenticate": "Basic"})


def unknown_key(key: str) -> Refusal:
    """A key that was never given out."""
    error: Json = {"message": f"Invalid API Key provided: {masked(key)}", "type": "invalid_request_error"}
    return Refusal(401, error, {"WWW-Authenticate": "Basic"})


def revoked_key(key: str) -> Refusal:
    """A key that was rolled or deleted."""
    error: Json = {
        "code": "api_key_expired",
        "doc_url": "https://stripe.com/docs/error-codes/api-key-expired",
        "message": f"Expired API Key provided: {masked(key)}",
        "type": "invalid_request_error",
    }
    return Refusal(401, error)


def publishable_key() -> Refusal:
    """A publishable key where a secret one is needed."""
    message = (
        "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of "
        "your API keys at https://dashboard.stripe.com/account/apikeys."
    )
    error: Json = {"code": "secret_key_required", "message": message, "type": "invalid_request_error"}
    return Refusal(401, error)


def missing_permission(key: str, account: str, permission: str) -> Refusal:
    """A restricted key without the scope that the endpoint needs."""
    message = (
        f"The provided key '{masked(key)}' does not have the required permissions for this endpoint on account "
        f"'{account}'. Having the '{permission}' permission would allow this request to continue."
    )
    return Refusal(403, {"message": message, "type": "invalid_request_error"})


def foreign_account(key: str, account: str) -> Refusal:
    """A `Stripe-Account` header naming an account that the key does not reach."""
    message = (
        f"The provided key '{masked(key)}' does not have access to account '{account}' (or that account does not "
        "exist). Application access may have been revoked."
    )
    return Refusal(403, {"code": "account_invalid", "message": message, "type": "invalid_request_error"})


def missing_resource(noun: str, resource: str, param: str = "id") -> Refusal:
    """An id that names nothing."""
    error: Json = {
        "code": "resource_missing",
        "doc_url": "https://stripe.com/docs/error-codes/resource-missing",
        "message": f"No such {noun}: '{resource}'",
        "param": param,
        "type": "invalid_request_error",
    }
    return Refusal(404, error)


def unknown_url(method: str, path: str) -> Refusal:
    """A path that the API does not have."""
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/."
    )
    return Refusal(404, {"message": message, "type": "invalid_request_error"})


def bad_request(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """A parameter that Stripe would not accept."""
    error: Json = {"message": message, "type": "invalid_request_error"}
    if param is not None:
        error["param"] = param
    if code is not None:
        error["code"] = code
    return Refusal(400, error)


def unknown_parameter(name: str) -> Refusal:
    """A query parameter that the endpoint does not take."""
    return bad_request(f"Received unknown parameter: {name}", name, "parameter_unknown")


def read_only(method: str) -> Refusal:
    """Any method but GET: this stand-in only ever reads, and a client that writes should fail loudly."""
    error: Json = {
        "message": f"The simulator answers GET only; {method} would write.",
        "type": "invalid_request_error",
    }
    return Refusal(405, error, {"Allow": "GET"})


def too_many_requests(reason: str) -> Refusal:
    """A rate limit; Stripe names its kind in a header and never says how long to wait."""
    error: Json = {
        "code": "rate_limit",
        "doc_url": "https://stripe.com/docs/error-codes/rate-limit",
        "message": "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        "type": "invalid_request_error",
    }
    return Refusal(429, error, {"Stripe-Rate-Limited-Reason": reason})


def server_error() -> Refusal:
    """Stripe having a bad moment."""
    return Refusal(500, {"message": "An unknown error occurred", "type": "api_error"})
