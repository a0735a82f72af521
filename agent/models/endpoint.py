"""The language model behind the graph: any OpenAI-compatible endpoint, or the offline planner.

One place for what endpoints differ in: retries, errors that name the setting to change, ways to get
structured output. The graph sees an ordinary `BaseChatModel`.
"""

from __future__ import annotations

from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import openai
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from agent.models.structured_output import structured
from agent.models.text_tool_calls import act_in_text, actions_format, answer_in_text, request_in_text
from tools.redaction import Redactor, login_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.language_models import BaseChatModel
    from langchain_core.outputs import ChatResult
    from langchain_core.runnables import Runnable

    from configs.settings import ChatSettings

OPENAI_URL = "https://api.openai.com/v1"
LONGEST_WAIT = 30.0  # seconds between two tries, even when a server asks for more
JITTER = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)

Method = Literal["json_schema", "function_calling", "json_object", "actions"]


class ChatModelError(Exception):
    """The endpoint cannot be used as it is set up; the message says which setting to change."""


def provider(settings: ChatSettings) -> Literal["offline", "openai"]:
    """Return who will answer: without a key and an endpoint, 'auto' means the offline planner."""
    if settings.provider != "auto":
        return settings.provider
    return "openai" if settings.api_key or settings.base_url else "offline"


def make_chat_model(settings: ChatSettings) -> BaseChatModel:
    """Return the chat model that the settings name; nothing is sent yet.

    Raises:
        ChatModelError: 'openai' is asked for without a key and without an endpoint of one's own.
    """
    if provider(settings) == "offline":
        from agent.offline.planner import OfflinePlanner  # the grammar is not needed beside a real model

        return OfflinePlanner()
    if not settings.api_key and not settings.base_url:
        raise ChatModelError(
            "chat.provider is 'openai', but there is no key: set OPENAI_API_KEY (or SLD_CHAT__API_KEY), "
            "or chat.base_url for a server of your own, or chat.provider=offline"
        )
    options: dict[str, Any] = {} if settings.temperature is None else {"temperature": settings.temperature}
    return EndpointModel(
        model=settings.model,
        base_url=settings.base_url or OPENAI_URL,
        api_key=settings.api_key or SecretStr("none"),
        timeout=settings.timeout,
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

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        try:
            return Retrying(**self._retries())(super()._generate, *args, **kwargs)
        except openai.LengthFinishReasonError as error:
            return self._create_chat_result(error.completion)  # cut off: whoever reads it will say so
        except (openai.OpenAIError, JSONDecodeError) as error:
            raise self._explain(error) from None

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        try:
            return await AsyncRetrying(**self._retries())(super()._agenerate, *args, **kwargs)
        except openai.LengthFinishReasonError as error:
            return self._create_chat_result(error.completion)
        except (openai.OpenAIError, JSONDecodeError) as error:
            raise self._explain(error) from None

    def _create_chat_result(self, *args: Any, **kwargs: Any) -> ChatResult:
        try:
            result = super()._create_chat_result(*args, **kwargs)
            if result.generations:
                return result
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            pass  # LangChain raises any of these on a body of another shape
        raise self._explain(openai.OpenAIError())

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

    def _explain(self, error: openai.OpenAIError | JSONDecodeError) -> ChatModelError:
        """Say what to set. Server texts are left out where they may quote the key."""
        url, tries = readable_url(self.openai_api_base or OPENAI_URL), f"after {self.attempts} tries"
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
            case openai.ContentFilterFinishReasonError():
                text = f"the content filter of {url} stopped the answer: put the sentence in other words"
            case openai.APITimeoutError():
                text = f"{url} gave no answer within {self.request_timeout} s {tries}: set chat.timeout higher"
            case openai.APIConnectionError():
                text = f"cannot reach {url} {tries}: check chat.base_url and that the server runs"
            case openai.APIStatusError() if error.status_code >= 500:
                text = f"{url} failed with status {error.status_code} {tries}: try again later"
            case openai.APIStatusError():
                text = (
                    f"{url} did not accept the request ({error.status_code}): {self._hidden(str(error.message))}. "
                    f"Perhaps another chat.structured_output than {self.method!r} helps, such as 'actions'"
                )
            case _:
                text = f"{url} answered with something that is no chat completion: check chat.base_url"
        return ChatModelError(text)

    def _hidden(self, text: str) -> str:
        key = self.openai_api_key
        secrets = (key.get_secret_value(),) if isinstance(key, SecretStr) else ()
        return Redactor((*secrets, *login_secrets(self.openai_api_base))).text(text)[:500]


def passes_by(error: BaseException) -> bool:
    """Return whether the same request may succeed a little later."""
    if isinstance(error, openai.RateLimitError):
        return error.code != "insufficient_quota"
    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500 or error.status_code in (408, 409)
    return isinstance(error, openai.APIConnectionError)  # time-outs are a kind of it


def wait_as_asked(state: RetryCallState) -> float:
    """Return the seconds to wait: jittered and growing, at least what the server's Retry-After says."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    least = float(asked) if asked.replace(".", "", 1).isdigit() else 0.0
    return min(max(JITTER(state), least), LONGEST_WAIT)


def readable_url(url: str) -> str:
    """Return an address without login and query, which may be secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
