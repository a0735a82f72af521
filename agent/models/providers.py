"""Language models of any provider that LangChain has a package for, read as leniently as every other.

Knows no provider by name but for what they differ in: how a prompt's beginning is kept from call to call.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from agent.models.chat import ChatModelError
from agent.models.schemas import strict_function, strict_schema
from agent.models.structured_output import structured
from agent.models.text_tool_calls import act_in_text
from tools.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatResult
    from pydantic import BaseModel

    from configs.settings import ChatSettings

KEEPING: dict[str, dict[str, Any]] = {"anthropic": {"cache_control": {"type": "ephemeral"}}}
"""What asks a provider to keep the beginning of a prompt; the others do so unasked, or cannot."""


def make_provider_model(settings: ChatSettings) -> ProviderModel:
    """Return the model that ``chat.provider`` and ``chat.model`` name; nothing is sent yet.

    Raises:
        ChatModelError: the provider's package is not installed, there is no such provider, or it lacks a setting.
    """
    install = f"pip install 'sld-agent[providers]' langchain-{settings.provider.replace('_', '-')}"
    if find_spec("langchain") is None:
        raise ChatModelError(f"chat.provider={settings.provider!r} needs a package that is not installed: {install}")
    from langchain.chat_models import init_chat_model

    key = settings.api_key.get_secret_value() if settings.api_key else None
    given = {"api_key": key, "base_url": settings.base_url, "temperature": settings.temperature}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        inner = init_chat_model(settings.model, model_provider=settings.provider, **options)
    except ImportError as error:
        raise ChatModelError(f"chat.provider={settings.provider!r}: {error}. Try: {install}") from None
    except ValueError as error:  # an unknown provider, or pydantic's: a key that is missing
        raise ChatModelError(f"chat.provider={settings.provider!r}: {_hidden(error, key)}") from None
    return ProviderModel(inner=inner, provider=settings.provider, settings=settings)


class ProviderModel(BaseChatModel):
    """A provider's chat model, asked for forced tool calls, which every provider has."""

    inner: BaseChatModel
    provider: str
    settings: Any

    @property
    def _llm_type(self) -> str:
        return self.provider

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        try:
            return self.inner._generate(messages, stop=stop, run_manager=run_manager, **kwargs)
        except Exception as error:  # noqa: BLE001 - every provider has its own kinds
            key = self.settings.api_key.get_secret_value() if self.settings.api_key else None
            raise ChatModelError(f"{self.provider} failed: {_hidden(error, key)}") from None

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Return a model whose calls fit the tools, as far as that is certain."""
        functions = [{"type": "function", "function": strict_function(tool)} for tool in tools]
        return self._with(functions, self.settings.think_tokens, **kwargs) | act_in_text(tools)

    def with_structured_output(  # type: ignore[override]  # always by a forced call
        self, schema: type[BaseModel], *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[Any, Any]:
        """Return a model that answers with ``schema``; answers are read leniently and validated strictly."""
        name = schema.__name__
        form = {"name": name, "description": schema.__doc__ or name, "parameters": strict_schema(schema)}
        asked = self._with([{"type": "function", "function": form}], self.settings.parse_tokens, tool_choice=name)
        if self.settings.parse_model and not getattr(schema, "sees", False):
            asked = asked.bind(model=self.settings.parse_model)
        return structured(asked, schema, include_raw)

    def _with(self, functions: list[dict[str, Any]], tokens: int, **kwargs: Any) -> Runnable[Any, Any]:
        """Return this model with what the provider's own way of binding tools comes to."""
        bound: Any = self.inner.bind_tools(functions, **kwargs)
        limit = {"max_tokens": tokens} if self.provider in {"anthropic", "openai", "mistralai", "groq"} else {}
        return self.bind(**{**getattr(bound, "kwargs", {}), **limit, **KEEPING.get(self.provider, {})})


def _hidden(error: Exception, key: str | None) -> str:
    text = Redactor((key,) if key else ()).text(f"{type(error).__name__}: {error}")
    return text[:500]
