"""Any provider of LangChain's behind the same lenient reading; no provider is called."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import Field, SecretStr

from agent.models.chat import ChatModelError, make_chat_model, provider
from configs.settings import ChatSettings
from tools.registry import TOOLS
from tools.scene.spec import SceneSpec

KEY = "sk-secret-of-a-provider"
SPEC = {"objects": [{"name": "car", "attributes": "red"}]}


class Foreign(BaseChatModel):
    """A provider's model, as LangChain's packages make them."""

    answers: list[Any] = Field(default_factory=list)
    asked: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "foreign"

    def bind_tools(self, tools: Any, *, tool_choice: Any = None, **kwargs: Any) -> Runnable[Any, Any]:
        return self.bind(tools=[tool["function"]["name"] for tool in tools], tool_choice=tool_choice)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.append(kwargs)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ChatResult(generations=[ChatGeneration(message=answer)])


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Foreign:
    pytest.importorskip("langchain")
    model = Foreign()
    monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda *args, **kwargs: model)
    return model


def chat(**changes: Any) -> BaseChatModel:
    given = {"provider": "anthropic", "model": "strong", "api_key": KEY} | changes
    return make_chat_model(ChatSettings.model_validate(given))


def called(name: str, arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "1"}])


def test_what_a_provider_answers_is_read_like_everything_else(foreign: Foreign) -> None:
    foreign.answers = [called("SceneSpec", SPEC), AIMessage(json.dumps({"tool": "suggest_layout", "arguments": {}}))]
    model = chat(parse_model="cheap")
    read: Any = model.with_structured_output(SceneSpec, include_raw=True).invoke("a red car")
    assert read["parsed"].objects[0].attributes == ("red",)
    acting = model.bind_tools(list(TOOLS)).invoke("go")
    assert [call["name"] for call in acting.tool_calls] == ["suggest_layout"]
    parsing, planning = foreign.asked
    assert (parsing["tool_choice"], parsing["model"]) == ("SceneSpec", "cheap")
    assert "model" not in planning
    assert parsing["cache_control"] == planning["cache_control"] == {"type": "ephemeral"}
    assert "edit" in planning["tools"]


def test_what_a_provider_fails_with_is_said_without_the_key(foreign: Foreign) -> None:
    foreign.answers = [RuntimeError(f"overloaded, said to {KEY}")]
    with pytest.raises(ChatModelError, match="anthropic failed: RuntimeError: overloaded") as caught:
        chat().invoke("hi")
    assert KEY not in str(caught.value)


def test_a_provider_that_is_not_there_says_what_to_install() -> None:
    pytest.importorskip("langchain")
    with pytest.raises(ChatModelError, match=r"pip install.*langchain-fireworks"):
        chat(provider="fireworks")
    with pytest.raises(ChatModelError, match="zorgle"):
        chat(provider="zorgle")


def test_who_is_named_answers() -> None:
    assert provider(ChatSettings(provider="ollama")) == "ollama"
    assert provider(ChatSettings(api_key=SecretStr("k"))) == "openai"
