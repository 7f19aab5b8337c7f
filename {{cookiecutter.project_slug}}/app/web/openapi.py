"""Documents errors in `/openapi.json`: problem details (RFC 9457), for each route."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel


class Problem(BaseModel):
    """An error as problem details."""

    title: str
    status: int
    detail: str


class Mismatch(BaseModel):
    """One invalid value in a request."""

    loc: list[int | str]
    msg: str
    type: str


class InvalidRequest(Problem):
    """An invalid request; `errors` is missing if the database rejected a value."""

    errors: list[Mismatch] = []


class Ready(BaseModel):
    """The service and all its parts are available."""

    status: str
    parts: dict[str, str]


class NotReady(Problem):
    """The service is unavailable: a part is down."""

    parts: dict[str, str]


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Document the errors of a router or a route: `responses=problems(401, 404)`."""
    models = {422: InvalidRequest}
    return {code: {"model": models.get(code, Problem)} for code in codes}


# Errors of any route; the first two only if the request has something to parse.
UNREADABLE = "The body cannot be parsed"
NOT_VALID = "The request is not valid"
COMMON: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": UNREADABLE},
    422: {"model": InvalidRequest, "description": NOT_VALID},
    **problems(413, 500),
}


class App(FastAPI):
    """FastAPI with a schema that documents errors as they are sent."""

    def openapi(self) -> dict[str, Any]:
        """Return the schema, with every error as `application/problem+json`."""
        schema = super().openapi()
        operations = (it for path in schema.get("paths", {}).values() for it in path.values())
        for operation in operations:
            answers = operation["responses"]
            unused = set()
            if "requestBody" not in operation:
                unused = {UNREADABLE} if "parameters" in operation else {UNREADABLE, NOT_VALID}
            for code in [it for it in answers if it[0] in "45"]:
                content = answers[code].get("content", {})
                if answers[code]["description"] in unused:
                    del answers[code]
                elif "application/json" in content:
                    content["application/problem+json"] = content.pop("application/json")
        return schema
