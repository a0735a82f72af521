"""The language model behind the graph where it is an OpenAI-compatible endpoint.

One place for what endpoints differ in: retries, errors that name the setting to change, ways to get
structured output. The graph sees an ordinary `BaseChatModel`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

import httpx
import openai
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, SecretStr
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from agent.models.chat import OPENAI_URL, ChatModelError, readable_url
from agent.models.completion import CompletionError, read_completion
from agent.models.rambling import is_endless, rambles
from agent.models.schemas import strict_function, strict_schema
from agent.models.streamed import goes_on, whole_body
from agent.models.structured_output import is_cut, read_json, structured
from agent.models.text_tool_calls import act_in_text, actions_format, request_in_text
from tools.bounded_http import BoundedAsyncTransport, BoundedTransport, UnboundedAnswer, unbounded
from tools.redaction import Redactor, login_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable

    from configs.settings import ChatSettings

LONGEST_ANSWER = 4 * 2**20  # bytes
LONGEST_WAIT = 30.0  # seconds between two tries, even when a server asks for more
JITTER = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)

OPTIONAL = frozenset({"temperature", "seed", "max_tokens", "max_completion_tokens", "stream_options", "stream"})
TIMEOUTS = 2  # tries after which a server that is silent is given up: each try is the same work again
MORE = 4  # times the tokens, once, for an answer that was cut off

TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|exceed_context|maximum context|too many tokens|prompt is too long"
)

Method = Literal["auto", "json_schema", "function_calling", "json_object", "actions"]


PROBE = "Say hello."  # an answer in a form that nobody would choose shows that the server holds to it
PROBE_NAME = "zebra"
PROBE_TOKENS = 24
PROBE_TREE = {
    "type": "object",
    "properties": {PROBE_NAME: {"type": "boolean"}},
    "required": [PROBE_NAME],
    "additionalProperties": False,
}
PROBE_SCHEMA = {"name": PROBE_NAME, "schema": PROBE_TREE, "strict": True}
PROBE_TOOL = {"type": "function", "function": {"name": PROBE_NAME, "description": "a form", "parameters": PROBE_TREE}}
PROBE_CHOICE = {"type": "function", "function": {"name": PROBE_NAME}}


class ContextFull(ChatModelError, ContextOverflowError):
    """What was said is more than the model can read at once."""


def make_endpoint_model(settings: ChatSettings) -> EndpointModel:
    """Return the model behind an endpoint; `agent.models.chat.make_chat_model` has checked that there is one."""
    given = {"temperature": settings.temperature, "seed": settings.seed}
    limits = settings.answer_timeout, LONGEST_ANSWER, settings.timeout, goes_on
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    return EndpointModel(
        model=settings.model,
        base_url=settings.base_url or OPENAI_URL,
        api_key=settings.api_key or SecretStr("none"),
        timeout=settings.timeout,
        http_client=httpx.Client(transport=BoundedTransport(*limits)),
        http_async_client=httpx.AsyncClient(transport=BoundedAsyncTransport(*limits)),
        max_retries=0,  # tenacity does it, where attempts are bounded and errors get a name
        use_responses_api=False,  # local servers speak chat completions only
        disable_streaming=True,  # to whoever asks this model; the server streams (`_ask`), so that silence is noticed
        answer_timeout=settings.answer_timeout,
        attempts=settings.attempts,
        method=settings.structured_output,
        parse_model=settings.parse_model,
        parse_tokens=settings.parse_tokens,
        think_tokens=settings.think_tokens,
        **options,
    )


class EndpointModel(ChatOpenAI):
    """`ChatOpenAI` with bounded retries, helpful errors, and four ways to structured output."""

    attempts: int = 5
    answer_timeout: float = 1200.0
    method: Method = "auto"
    """"auto" until the server was asked (`chosen_method`)."""
    parse_model: str | None = None
    parse_tokens: int = 2048
    think_tokens: int = 2048
    refused: set[str] = Field(default_factory=set)
    """Options of requests that this server does not take; they are no longer sent."""

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        create, asked = self.client.with_raw_response.create, self._ask(messages, stop, kwargs)
        try:
            result = self._read(self._send(create, asked).text)
            return self._read(self._send(create, more).text) if (more := self._longer(asked, result)) else result
        except (openai.OpenAIError, UnboundedAnswer) as error:
            raise self._explain(error) from None

    def _send(self, create: Any, asked: dict[str, Any]) -> Any:
        while True:
            try:
                return Retrying(**self._retries())(create, **self._taken(asked))
            except openai.APIStatusError as error:
                if not self._drops(error, asked):
                    raise

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        create, asked = self.async_client.with_raw_response.create, self._ask(messages, stop, kwargs)
        try:
            result = self._read((await self._asend(create, asked)).text)
            more = self._longer(asked, result)
            return self._read((await self._asend(create, more)).text) if more else result
        except (openai.OpenAIError, UnboundedAnswer) as error:
            raise self._explain(error) from None

    async def _asend(self, create: Any, asked: dict[str, Any]) -> Any:
        while True:
            try:
                return await AsyncRetrying(**self._retries())(create, **self._taken(asked))
            except openai.APIStatusError as error:
                if not self._drops(error, asked):
                    raise

    def _taken(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in asked.items() if key not in self.refused}

    def _drops(self, error: openai.APIStatusError, asked: dict[str, Any]) -> bool:
        """Note which optional part of a request the server complains of; return whether there is one to leave out."""
        if error.status_code not in (400, 422):
            return False
        complained = {key for key in OPTIONAL & set(self._taken(asked)) if key in str(error.message)}
        self.refused |= complained
        return bool(complained)

    def _longer(self, asked: dict[str, Any], result: ChatResult) -> dict[str, Any]:
        """Return the request with more room, where the answer was cut off and did not only repeat itself; else {}."""
        key = next((key for key in ("max_completion_tokens", "max_tokens") if asked.get(key)), None)
        message = result.generations[0].message
        if key is None or not isinstance(message, AIMessage) or not is_cut(message) or rambles(_said(message)):
            return {}
        return asked | {key: MORE * asked[key]}

    def _ask(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the request; the answer is read here, not by the SDK: its readers trust what servers send."""
        payload = self._get_request_payload(messages, stop=stop, **kwargs)
        asked = payload | {"stream": True, "stream_options": {"include_usage": True}}
        for message in asked["messages"]:
            if message.get("content", "") is None:  # beside tool calls that is allowed, and some servers fail over it
                message["content"] = ""
        if self.openai_api_base != OPENAI_URL and "max_completion_tokens" in asked:  # the name that all others know
            asked["max_tokens"] = asked.pop("max_completion_tokens")
        return asked

    def _read(self, text: str) -> ChatResult:
        try:
            try:
                body = whole_body(text)
            except ValueError as error:
                raise CompletionError(f"something that is no JSON ({error}): {text[:200]!r}") from None
            message = read_completion(body)
            unfinished = bool(message.invalid_tool_calls) or is_endless(message.text)
            if "finish_reason" not in message.response_metadata and unfinished:
                message.response_metadata |= {"finish_reason": "length"}  # it was ended here (`goes_on`)
        except CompletionError as error:
            url = readable_url(self.openai_api_base or OPENAI_URL)
            raise ChatModelError(
                f"{url} answered with {self._hidden(str(error))}, which is no chat completion: check chat.base_url, "
                "which usually ends in /v1, and what the server says"
            ) from None
        return ChatResult(generations=[ChatGeneration(message=message)], llm_output={"model_name": self.model_name})

    def chosen_method(self) -> Method:
        """Return how answers get their form. Of a server of one's own the first call finds out, by asking it.

        One that holds to a schema is asked for actions in that form: nothing can then be malformed, and no tool's
        description has to be read. Otherwise tools are used where a call can be forced, else whatever JSON comes.
        """
        if self.method != "auto":
            return self.method
        if self.openai_api_base == OPENAI_URL:
            self.method = "json_schema"
        elif self._holds_to(response_format={"type": "json_schema", "json_schema": PROBE_SCHEMA}):
            self.method = "actions"
        elif self._holds_to(tools=[PROBE_TOOL], tool_choice=PROBE_CHOICE):
            self.method = "function_calling"
        else:
            self.method = "json_object" if self._holds_to(response_format={"type": "json_object"}) else "actions"
        return self.method

    @property
    def learnt(self) -> dict[str, str]:
        """What `chosen_method` found out, and of whom: JSON, for `recall` in another process; {} before it asked."""
        of_whom = {"server": readable_url(self.openai_api_base or OPENAI_URL), "model": self.model_name}
        return {} if self.method == "auto" else of_whom | {"method": self.method}

    def recall(self, learnt: Mapping[str, Any]) -> None:
        """Take over what was learnt of this very server and model, instead of asking again."""
        method: Any = learnt.get("method")
        if self.method == "auto" and method in get_args(Method):
            self.method = method
            if self.learnt != learnt:
                self.method = "auto"

    def _holds_to(self, **form: Any) -> bool:
        """Return whether the server gives an answer the form asked for, though the question suggests another."""
        try:  # without callbacks: this is no part of the conversation
            result = self._generate([HumanMessage(PROBE)], **form, max_tokens=PROBE_TOKENS)
        except ChatModelError as error:
            if error.status is None or error.status in (401, 403, 404, 429):  # nobody is served at all
                raise
            return False
        answer = result.generations[0].message
        assert isinstance(answer, AIMessage)
        if "tools" in form:
            return [call["name"] for call in answer.tool_calls] == [PROBE_NAME]
        try:
            value = read_json(answer.text)
        except ValueError:
            return False
        return isinstance(value, dict) and (
            form["response_format"]["type"] == "json_object" or set(value) == {PROBE_NAME}
        )

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Return a model whose answers carry ordinary tool calls, whatever the endpoint understands."""
        limit: Any = {"max_tokens": self.think_tokens}
        if self.chosen_method() == "actions":
            bound = self.bind(response_format=actions_format(tools), **limit)
            return request_in_text(tools) | bound | act_in_text(tools)
        functions = [{"type": "function", "function": strict_function(tool)} for tool in tools]
        return super().bind_tools(functions, **kwargs).bind(**limit) | act_in_text(tools)

    def with_structured_output(  # type: ignore[override]  # the method is a setting, not an argument
        self, schema: type[BaseModel], *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[Any, Any]:
        """Return a model that answers with ``schema``; answers are read leniently and validated strictly.

        The prompts describe each answer in prose: a schema never stands beside it in the text.
        """
        name, tree = schema.__name__, strict_schema(schema, narrow=self.openai_api_base != OPENAI_URL)
        limit: dict[str, Any] = {"max_tokens": self.parse_tokens}
        if self.parse_model and not getattr(schema, "sees", False):
            limit["model"] = self.parse_model
        model: Runnable[Any, Any]
        match self.chosen_method():
            case "json_schema" | "actions":
                as_schema = {"type": "json_schema", "json_schema": {"name": name, "schema": tree, "strict": True}}
                model = self.bind(response_format=as_schema, **limit)
            case "json_object":
                model = self.bind(response_format={"type": "json_object"}, **limit)
            case "function_calling":
                function = {"name": name, "description": schema.__doc__ or name, "parameters": tree}
                model = self.bind(
                    tools=[{"type": "function", "function": function}],
                    tool_choice={"type": "function", "function": {"name": name}},
                    **limit,
                )
        return structured(model, schema, include_raw)

    def _retries(self) -> dict[str, Any]:
        return {
            "retry": retry_if_exception(passes_by),
            "stop": lambda tries: stop_after_attempt(self.attempts)(tries) or _has_waited_enough(tries),
            "wait": wait_as_asked,
            "reraise": True,
        }

    def _explain(self, error: openai.OpenAIError | UnboundedAnswer) -> ChatModelError:
        """Say what the server did and what to set."""
        if isinstance(error, openai.BadRequestError) and TOO_LONG.search(f"{error.code} {error.message}".lower()):
            return ContextFull(
                f"the language model {self.model_name!r} cannot read so much at once "
                f"({self._hidden(str(error.message))}): give it a larger context where it is served, or ask for less"
            )
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
                text = (
                    f"{url} was silent for {self.request_timeout} s, or had no whole answer within "
                    f"{self.answer_timeout:g} s: set chat.timeout or chat.answer_timeout higher"
                )
            case openai.APIConnectionError():
                text = f"cannot reach {url} {tries}: check chat.base_url and that the server runs"
            case openai.APIStatusError():
                text = f"{url} {self._status(error, tries)}"
            case _:
                text = f"{url} cannot be talked to ({self._hidden(str(error))}): check chat.base_url"
        return ChatModelError(text, error.status_code if isinstance(error, openai.APIStatusError) else None)

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


def _said(message: AIMessage) -> str:
    """Return what an answer says, in its text or in a call that is not whole."""
    broken = message.invalid_tool_calls
    return (broken[-1]["args"] or "") if broken else message.text


def _has_waited_enough(state: RetryCallState) -> bool:
    """Return whether the server was silent too often; connecting to one costs it nothing."""
    error = state.outcome.exception() if state.outcome else None
    return isinstance(error, openai.APITimeoutError) and state.attempt_number >= TIMEOUTS


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
