"""How Schemathesis sends what it has no way to send by itself, and what it looks at beside its own checks."""

import json

import schemathesis

# Problems of requests that reach no operation: their path or their method is no operation's.
OF_NO_OPERATION = {(404, "not-found"), (405, "method-not-allowed")}

# What the HTTP library answers by itself, without a body, to what is no request to it.
OF_NO_REQUEST = {400, 414, 431}


@schemathesis.serializer("application/wasm")
def wasm(_context, value):
    """A component is bytes; what is made up for one is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.check
def problems_are_the_described_ones(_context, response, case):
    """The gateway never fails by its own fault, and the description of a status names the code of each problem."""
    status = response.status_code
    if status < 400 or (status in OF_NO_REQUEST and not response.content):
        return
    assert status != 500, f"the gateway failed: {response.content!r}"
    problem = json.loads(response.content)
    code = problem["code"]
    assert problem["status"] == status, f"{status} says that it is {problem['status']}"
    assert problem["type"] == f"urn:switchyard:problem:{code}", problem["type"]
    if (status, code) in OF_NO_OPERATION:
        return
    described = case.operation.definition.raw["responses"].get(str(status), {}).get("description", "")
    assert f"`{code}`" in described, f"{status} {code} is not described; that status has: {described or 'nothing'}"
