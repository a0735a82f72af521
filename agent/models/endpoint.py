"""The language model behind the graph where it is an OpenAI-compatible endpoint.

One place for what endpoints differ in: retries, errors that name the setting to change, ways to get
structured output. The graph sees an ordinary `BaseChatModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import httpx
import openai
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from agent.models.chat import OPENAI_URL, ChatModelError, readable_url
from agent.models.completion import CompletionError, read_completion
from agent.models.structured_output import parse_json, structured
from agent.models.text_tool_calls import act_in_text, actions_format, answer_in_text, request_in_text
from tools.bounded_http import BoundedAsyncTransport, BoundedTransport, UnboundedAnswer, unbounded
from tools.redaction import Redactor, login_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable

    from configs.settings import ChatSettings

LONGEST_ANSWER = 4 * 2**20  # bytes
LONGEST_WAIT = 30.0  # seconds between two tries, even when a server asks for more
JITTER = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)

Method = Literal["json_schema", "function_calling", "json_object", "actions"]


def make_endpoint_model(settings: ChatSettings) -> EndpointModel:
    """Return the model behind an endpoint; `agent.models.chat.make_chat_model` has checked that there is one."""
    options: dict[str, Any] = {} if settings.temperature is None else {"temperature": settings.temperature}
    return EndpointModel(
        model=settings.model,
        base_url=settings.base_url or OPENAI_URL,
        api_key=settings.api_key or SecretStr("none"),
        timeout=settings.timeout,
        http_client=httpx.Client(transport=BoundedTransport(settings.timeout, LONGEST_ANSWER)),
        http_async_client=httpx.AsyncClient(transport=BoundedAsyncTransport(settings.timeout, LONGEST_ANSWER)),
        max_retries=0,  # tenacity does it, where attempts are bounded and errors get a name
        use_responses_api=False,  # local servers speak chat completions only
        disable_streaming=True,
        attempts=settings.attempts,
        method=settings.structured_output,
        **options,
    )


class EndpointModel(ChatOpenAI):
    """`ChatOpenAI` with bounded retries, helpful errors, and four ways to structured output."""

    attempts: int = 5
    method: Method = "json_schema"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        create, asked = self.client.with_raw_response.create, self._ask(messages, stop, kwargs)
        try:
            return self._read(Retrying(**self._retries())(create, **asked).text)
        except (openai.OpenAIError, UnboundedAnswer) as error:
            raise self._explain(error) from None

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        create, asked = self.async_client.with_raw_response.create, self._ask(messages, stop, kwargs)
        try:
            return self._read((await AsyncRetrying(**self._retries())(create, **asked)).text)
        except (openai.OpenAIError, UnboundedAnswer) as error:
            raise self._explain(error) from None

    def _ask(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the request; the answer is read here, not by the SDK: its readers trust what servers send."""
        payload = self._get_request_payload(messages, stop=stop, **kwargs)
        return {key: value for key, value in payload.items() if key != "stream"}

    def _read(self, text: str) -> ChatResult:
        try:
            try:
                body = parse_json(text)
            except ValueError as error:
                raise CompletionError(f"something that is no JSON ({error}): {text[:200]!r}") from None
            message = read_completion(body)
        except CompletionError as error:
            url = readable_url(self.openai_api_base or OPENAI_URL)
            raise ChatModelError(
                f"{url} answered with {self._hidden(str(error))}, which is no chat completion: check chat.base_url, "
                "which usually ends in /v1, and what the server says"
            ) from None
        return ChatResult(generations=[ChatGeneration(message=message)], llm_output={"model_name": self.model_name})

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Return a model whose answers carry ordinary tool calls, whatever the endpoint understands."""
        if self.method != "actions":
            return super().bind_tools(tools, **kwargs)
        bound = self.bind(response_format=actions_format(tools))
        return request_in_text(tools) | bound | act_in_text(tools)

    def with_structured_output(  # type: ignore[override]  # the method is a setting, not an argument
        self, schema: type[BaseModel], *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[Any, Any]:
        """Return a model that answers with ``schema``; answers are read leniently and validated strictly."""
        name, tree = schema.__name__, schema.model_json_schema()
        as_schema = {"type": "json_schema", "json_schema": {"name": name, "schema": tree, "strict": False}}
        model: Runnable[Any, Any]
        match self.method:
            case "json_schema":
                model = self.bind(response_format=as_schema)
            case "json_object":
                model = answer_in_text(tree) | self.bind(response_format={"type": "json_object"})
            case "actions":
                model = answer_in_text(tree) | self.bind(response_format=as_schema)
            case "function_calling":
                function = {"name": name, "description": schema.__doc__ or name, "parameters": tree}
                model = self.bind(
                    tools=[{"type": "function", "function": function}],
                    tool_choice={"type": "function", "function": {"name": name}},
                )
        return structured(model, schema, include_raw)

    def _retries(self) -> dict[str, Any]:
        return {
            "retry": retry_if_exception(passes_by),
            "stop": stop_after_attempt(self.attempts),
            "wait": wait_as_asked,
            "reraise": True,
        }

    def _explain(self, error: openai.OpenAIError | UnboundedAnswer) -> ChatModelError:
        """Say what the server did and what to set."""
        url, tries = readable_url(self.openai_api_base or OPENAI_URL), f"after {self.attempts} tries"
        if endless := unbounded(error):
            return ChatModelError(f"{url} sent {endless}: check chat.base_url, and what the server says")
        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                text = f"{url} refused the key ({error.status_code}): set OPENAI_API_KEY or SLD_CHAT__API_KEY"
            case openai.NotFoundError():
                text = (
                    f"{url} has no model {self.model_name!r} (404): set chat.model to one it serves, "
                    "and check chat.base_url, which usually ends in /v1"
                )
            case openai.RateLimitError() if not passes_by(error):
                text = f"the quota at {url} is used up: check the account, or set chat.provider=offline"
            case openai.RateLimitError():
                text = f"{url} is over its rate limit (429) {tries}: wait, or set chat.attempts higher"
            case openai.APITimeoutError():
                text = f"{url} gave no answer within {self.request_timeout} s {tries}: set chat.timeout higher"
            case openai.APIConnectionError():
                text = f"cannot reach {url} {tries}: check chat.base_url and that the server runs"
            case openai.APIStatusError():
                text = f"{url} {self._status(error, tries)}"
            case _:
                text = f"{url} cannot be talked to ({self._hidden(str(error))}): check chat.base_url"
        return ChatModelError(text)

    def _status(self, error: openai.APIStatusError, tries: str) -> str:
        reason = self._hidden(str(error.message))
        if error.status_code < 400:
            return f"sends elsewhere ({error.status_code}): set chat.base_url to where the answers come from"
        if error.status_code >= 500:
            return f"failed with status {error.status_code} {tries} ({reason}): try again later"
        return (
            f"did not accept the request ({error.status_code}): {reason}. "
            f"Perhaps another chat.structured_output than {self.method!r} helps, such as 'actions'"
        )

    def _hidden(self, text: str) -> str:
        key = self.openai_api_key
        secrets = (key.get_secret_value(),) if isinstance(key, SecretStr) else ()
        return Redactor((*secrets, *login_secrets(self.openai_api_base))).text(text)[:500]


def passes_by(error: BaseException) -> bool:
    """Return whether the same request may succeed a little later."""
    if unbounded(error):
        return False
    if isinstance(error, openai.RateLimitError):
        return error.code != "insufficient_quota"
    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500 or error.status_code in (408, 409)
    return isinstance(error, openai.APIConnectionError)  # time-outs are a kind of it


def wait_as_asked(state: RetryCallState) -> float:
    """Return the seconds to wait: jittered and growing, at least what the server's Retry-After says."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    try:
        least = float(asked)
    except ValueError:  # a date, or nothing sensible
        least = 0.0
    return min(max(JITTER(state), least if least < LONGEST_WAIT else LONGEST_WAIT), LONGEST_WAIT)
