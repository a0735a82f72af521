"""The OpenAI part against a real server on loopback: retries, errors that name the setting, structured output."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import SecretStr
from tenacity.wait import wait_none

import agent.models.endpoint
from agent.models.chat import ChatModelError, make_chat_model, provider, readable_url
from agent.offline.planner import OfflinePlanner
from configs.settings import ChatSettings
from graphs.correction import build_graph
from graphs.eyes import Sightings
from tests.agent.endpoint import Endpoint, Reply, Server, failed, said
from tests.world import World, draw, scene, settings
from tools.context import Context
from tools.images import ImageStore
from tools.registry import TOOLS
from tools.scene.spec import SceneSpec

KEY = "sk-very-secret-key"
SPEC = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent.models.endpoint, "JITTER", wait_none())


def model(endpoint: Endpoint, **changes: Any) -> BaseChatModel:
    values = {"base_url": endpoint.url, "api_key": KEY, "model": "test-model", "attempts": 3, "timeout": 5} | changes
    values = {"structured_output": "json_schema"} | values
    return make_chat_model(ChatSettings.model_validate(values))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "offline"),
        ({"api_key": KEY}, "openai"),
        ({"base_url": "http://localhost:1/v1"}, "openai"),
        ({"provider": "offline", "api_key": KEY}, "offline"),
        ({"provider": "openai"}, "openai"),
    ],
)
def test_who_answers(values: dict[str, Any], expected: str) -> None:
    assert provider(ChatSettings.model_validate(values)) == expected


def test_without_key_and_endpoint_the_planner_serves() -> None:
    assert isinstance(make_chat_model(ChatSettings()), OfflinePlanner)


def test_openai_without_a_key_says_what_to_set() -> None:
    with pytest.raises(ChatModelError, match="OPENAI_API_KEY"):
        make_chat_model(ChatSettings(provider="openai"))


def test_an_answer_with_its_tokens(server: Server) -> None:
    with server.play(said("hello")) as endpoint:
        answer = model(endpoint, temperature=0.5).invoke("hi")
    assert (answer.text, answer.usage_metadata and answer.usage_metadata["input_tokens"]) == ("hello", 11)
    assert endpoint.requests[0]["temperature"] == 0.5
    assert endpoint.requests[0]["model"] == "test-model"
    assert endpoint.requests[0]["stream"]
    assert endpoint.requests[0]["stream_options"] == {"include_usage": True}
    assert endpoint.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(failed(429, "slow down"), id="429"),
        pytest.param(failed(429, "slow down", retry_after="0"), id="429 with Retry-After"),
        pytest.param(failed(500, "oops"), id="500"),
        pytest.param(failed(503, "busy"), id="503"),
        pytest.param(Reply({}, delay=60.0), id="timeout"),
    ],
)
def test_passing_trouble_is_tried_again(server: Server, trouble: Reply) -> None:
    timeout = 1.5 if trouble.delay else 5  # long enough for the answer that comes at once
    times = 1 if trouble.delay else 2  # each time-out is the same work again
    with server.play(*[trouble] * times, said("at last")) as endpoint:
        assert model(endpoint, timeout=timeout).invoke("hi").text == "at last"
    assert len(endpoint.requests) == times + 1


@pytest.mark.parametrize(
    ("reply", "told", "tries"),
    [
        pytest.param(
            failed(401, f"Incorrect API key: {KEY}"), r"refused the key \(401\): set OPENAI_API_KEY", 1, id="401"
        ),
        pytest.param(failed(403, "no"), "refused the key", 1, id="403"),
        pytest.param(failed(404, "no such model"), "no model 'test-model'.*set chat.model", 1, id="404"),
        pytest.param(failed(429, "pay", code="insufficient_quota"), "quota", 1, id="quota"),
        pytest.param(failed(400, f"bad {KEY}"), r"\(400\): .*bad \*\*\*.*structured_output", 1, id="400"),
        pytest.param(failed(429, "slow"), r"rate limit \(429\) after 3 tries", 3, id="429 for ever"),
        pytest.param(failed(502, "oops"), "status 502 after 3 tries", 3, id="502 for ever"),
        pytest.param(Reply("<html>a login page</html>"), "no chat completion: check chat.base_url", 1, id="not JSON"),
        pytest.param(
            Reply("<html></html>", headers={"Content-Type": "text/html"}), "no chat completion", 1, id="web page"
        ),
        pytest.param(Reply({"choices": []}), "no chat completion", 1, id="no choices"),
        pytest.param(Reply([]), "no chat completion", 1, id="a list"),
    ],
)
def test_lasting_trouble_names_the_setting_and_no_secret(server: Server, reply: Reply, told: str, tries: int) -> None:
    with server.play(reply) as endpoint, pytest.raises(ChatModelError, match=told) as caught:
        model(endpoint).invoke("hi")
    assert len(endpoint.requests) == tries
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_slow_server_names_the_timeout(server: Server) -> None:
    with (
        server.play(Reply({}, delay=60.0)) as endpoint,
        pytest.raises(ChatModelError, match=r"silent for 0.2 s.*chat.timeout"),
    ):
        model(endpoint, timeout=0.2, attempts=2).invoke("hi")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ChatModelError, match=r"cannot reach http://127\.0\.0\.1:9/v1 after 2 tries"):
        make_chat_model(ChatSettings(base_url="http://127.0.0.1:9/v1", attempts=2)).invoke("hi")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_asynchronous_way_retries_and_explains_too(server: Server) -> None:
    import asyncio

    with server.play(failed(500, "oops"), said("hello"), failed(401, "no")) as endpoint:
        chat = model(endpoint)

        async def both() -> str:
            answer = await chat.ainvoke("hi")
            with pytest.raises(ChatModelError, match="refused the key"):
                await chat.ainvoke("hi")
            return answer.text

        assert asyncio.run(both()) == "hello"


def test_addresses_are_shown_without_login_and_query() -> None:
    assert readable_url("https://me:pw@host.example:8080/v1?key=1") == "https://host.example:8080/v1"


def pieces(*deltas: dict[str, Any], usage: dict[str, Any] | None = None) -> Reply:
    """Return an answer in pieces."""
    sent = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    sent.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    sent.append({"choices": [], "usage": usage or {}})
    lines = "".join(f"data: {json.dumps(piece)}\n\n" for piece in sent)
    return Reply(f": ping\n\n{lines}data: [DONE]\n\n", headers={"Content-Type": "text/event-stream"})


def test_an_answer_in_pieces(server: Server) -> None:
    used = {"prompt_tokens": 30, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 20}}
    spoken = pieces({"role": "assistant", "content": None}, {"content": "Hel"}, {"content": "lo"}, usage=used)
    call = {"index": 0, "id": "a", "function": {"name": "detect", "arguments": '{"phr'}}
    rest = {"index": 0, "function": {"arguments": 'ases": ["car"]}'}}
    other = {"index": 1, "id": "b", "function": {"name": "suggest_layout", "arguments": ""}}
    called = pieces({"tool_calls": [call]}, {"tool_calls": [rest]}, {"tool_calls": [other]})
    with server.play(spoken, called) as endpoint:
        chat = model(endpoint)
        answer = chat.invoke("hi")
        acting = chat.bind_tools(list(TOOLS)).invoke("go")
    assert answer.text == "Hello"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] == 30
    assert answer.usage_metadata["input_token_details"]["cache_read"] == 20
    assert [(one["name"], one["args"]) for one in acting.tool_calls] == [
        ("detect", {"phrases": ["car"]}),
        ("suggest_layout", {}),
    ]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param('data: {"error": {"message": "out of memory"}}\n\n', "out of memory", id="an error"),
        pytest.param("data: [DONE]\n\n", "no choices|empty list", id="nothing"),
        pytest.param('data: {"choices": [{"del', "no JSON", id="torn"),
    ],
)
def test_pieces_that_make_no_answer_are_named(server: Server, body: str, told: str) -> None:
    with server.play(Reply(body)) as endpoint, pytest.raises(ChatModelError, match=told):
        model(endpoint).invoke("hi")


HELD = said('{"zebra": true}')
FORCED = said(None, tools=[("zebra", {"zebra": True})])


@pytest.mark.parametrize(
    ("replies", "method"),
    [
        pytest.param([HELD], "actions", id="holds to a schema"),
        pytest.param([said("Hello!"), FORCED], "function_calling", id="forces a tool"),
        pytest.param([failed(400, "response_format?"), FORCED], "function_calling", id="refuses a schema"),
        pytest.param([said("Hello!"), said("Hello!"), said('{"greeting": "hello"}')], "json_object", id="writes JSON"),
        pytest.param([said("Hello!")] * 3, "actions", id="does as it likes"),
    ],
)
def test_a_server_is_asked_once_what_it_can_do(server: Server, replies: list[Reply], method: str) -> None:
    with server.play(*replies, said(json.dumps(SPEC))) as endpoint:
        chat = model(endpoint, structured_output="auto")
        assert isinstance(chat, agent.models.endpoint.EndpointModel)
        assert [chat.chosen_method(), chat.chosen_method()] == [method, method]
    assert len(endpoint.requests) == len(replies)
    assert all(request["max_tokens"] <= 32 for request in endpoint.requests)


def test_what_was_found_out_is_taken_over_for_this_server_and_model_alone(server: Server) -> None:
    with server.play(HELD) as endpoint:
        first = model(endpoint, structured_output="auto")
        assert isinstance(first, agent.models.endpoint.EndpointModel)
        assert first.learnt == {}
        first.chosen_method()
        known = json.loads(json.dumps(first.learnt))
        for learnt, method in (
            (known, "actions"),
            (known | {"server": "http://elsewhere/v1"}, "auto"),
            (known | {"model": "another"}, "auto"),
            (known | {"method": "magic"}, "auto"),
            ({}, "auto"),
        ):
            later = model(endpoint, structured_output="auto")
            assert isinstance(later, agent.models.endpoint.EndpointModel)
            later.recall(learnt)
            assert later.method == method
    assert len(endpoint.requests) == 1


def test_a_server_that_serves_nobody_is_not_judged(server: Server) -> None:
    with server.play(failed(401, "no key"), HELD) as endpoint:
        chat = model(endpoint, structured_output="auto")
        with pytest.raises(ChatModelError, match="refused the key"):
            chat.with_structured_output(SceneSpec).invoke("x")
        chat.with_structured_output(SceneSpec)
    assert isinstance(chat, agent.models.endpoint.EndpointModel)
    assert chat.method == "actions"


def test_no_message_is_sent_without_a_text(server: Server) -> None:
    call = {"name": "detect", "args": {"phrases": ["car"]}, "id": "1"}
    with server.play(said("ok")) as endpoint:
        model(endpoint).invoke(
            [HumanMessage("go"), AIMessage("", tool_calls=[call]), ToolMessage("x", tool_call_id="1")]
        )
    assert all(isinstance(message["content"], str) for message in endpoint.requests[0]["messages"])


METHODS = ["json_schema", "function_calling", "json_object", "actions"]


@pytest.mark.parametrize("method", METHODS)
def test_structured_output_by_every_method(server: Server, method: str) -> None:
    text = f"<think>hm {{</think>Here:\n```json\n{json.dumps(SPEC)}\n```"
    reply = said(None, tools=[("SceneSpec", SPEC)]) if method == "function_calling" else said(text)
    with server.play(reply) as endpoint:
        asked = [SystemMessage("Read."), HumanMessage("two red cars")]
        answer = (
            model(endpoint, structured_output=method).with_structured_output(SceneSpec, include_raw=True).invoke(asked)
        )
    assert isinstance(answer, dict)
    assert answer["parsed"] == SceneSpec.model_validate(SPEC)
    assert answer["parsing_error"] is None
    assert answer["raw"].usage_metadata["output_tokens"] == 7
    request = endpoint.requests[0]
    assert request["messages"][0]["content"] == "Read."  # the prompts say in prose what the schema says
    assert (request["temperature"], request["seed"], request["max_tokens"]) == (0, 0, 2048)
    match method:
        case "json_schema":
            assert request["response_format"]["json_schema"]["name"] == "SceneSpec"
        case "function_calling":
            assert request["tool_choice"]["function"]["name"] == "SceneSpec"
        case "json_object":
            assert request["response_format"] == {"type": "json_object"}
        case "actions":
            assert "tools" not in request


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        pytest.param(said("I think two cars."), "no JSON object", id="prose"),
        pytest.param(said('{"objects": [{"name": "car"'), "broken at character", id="cut off"),
        pytest.param(said("", finish="length"), "cut off at the length limit", id="length"),
        pytest.param(said('{"objects": 3}'), "objects", id="wrong type"),
        pytest.param(said("[" * 5000 + "{" * 1), "broken|no JSON", id="nonsense"),
        pytest.param(said('{"a":' * 100_000), "broken|nested too deeply", id="bomb"),
        pytest.param(said(None, tools=[("SceneSpec", '{"objects"')]), "broken", id="broken arguments"),
    ],
)
def test_broken_structured_output_is_reported_not_raised(server: Server, reply: Reply, told: str) -> None:
    with server.play(reply) as endpoint:
        answer = model(endpoint).with_structured_output(SceneSpec, include_raw=True).invoke("x")
    assert isinstance(answer, dict)
    assert answer["parsed"] is None
    assert isinstance(answer["parsing_error"], ValueError)
    assert re.search(told, str(answer["parsing_error"]))


def act(endpoint: Endpoint, messages: list[Any], method: str) -> AIMessage:
    answer = model(endpoint, structured_output=method).bind_tools(list(TOOLS)).invoke(messages)
    assert isinstance(answer, AIMessage)
    return answer


@pytest.mark.parametrize("method", METHODS)
def test_a_cheap_model_reads_and_the_other_one_plans(server: Server, method: str) -> None:
    """By every method; what a schema must see for is left to the model that sees."""
    reply = said("", tools=[("SceneSpec", SPEC)]) if method == "function_calling" else said(json.dumps(SPEC))
    with server.play(reply) as endpoint:
        llm = model(endpoint, structured_output=method, parse_model="cheap")
        read: Any = llm.with_structured_output(SceneSpec, include_raw=True).invoke("two red cars")
        llm.bind_tools(list(TOOLS)).invoke("go")
        llm.with_structured_output(Sightings, include_raw=True).invoke("is it a car?")
    assert read["parsed"].objects[0].count == 2
    assert [request["model"] for request in endpoint.requests] == ["cheap", "test-model", "test-model"]


def test_without_a_model_for_reading_one_does_all(server: Server) -> None:
    with server.play(said(json.dumps(SPEC))) as endpoint:
        model(endpoint).with_structured_output(SceneSpec, include_raw=True).invoke("two red cars")
    assert endpoint.requests[0]["model"] == "test-model"


def test_tool_calls_of_a_server_that_understands_them(server: Server) -> None:
    with server.play(said("", tools=[("detect", {"phrases": ["car"]}), ("edit", "{broken")])) as endpoint:
        answer = act(endpoint, [HumanMessage("go")], "json_schema")
    assert [call["name"] for call in answer.tool_calls] == ["detect"]
    assert [call["name"] for call in answer.invalid_tool_calls] == ["edit"]
    assert [tool["function"]["name"] for tool in endpoint.requests[0]["tools"]] == [tool.name for tool in TOOLS]


@pytest.mark.parametrize(
    ("content", "calls", "invalid", "text"),
    [
        pytest.param(
            {"thought": "look", "actions": [{"tool": "detect", "arguments": {"phrases": ["car"]}}]},
            [("detect", {"phrases": ["car"]})],
            0,
            "look",
            id="one action",
        ),
        pytest.param(
            {"actions": [{"tool": "suggest_layout", "arguments": {}}, {"tool": "detect"}]},
            [("suggest_layout", {})],
            1,
            "",
            id="one of two is malformed",
        ),
        pytest.param({"tool": "suggest_layout", "arguments": {}}, [("suggest_layout", {})], 0, "", id="bare action"),
        pytest.param({"thought": "done", "actions": []}, [], 0, '{"thought": "done", "actions": []}', id="stops"),
        pytest.param("Nothing to do.", [], 0, "Nothing to do.", id="prose"),
        pytest.param('{"actions": [', [], 1, "", id="cut off"),
    ],
)
def test_actions_become_tool_calls(server: Server, content: Any, calls: list[Any], invalid: int, text: str) -> None:
    content = content if isinstance(content, str) else json.dumps(content)
    with server.play(said(content)) as endpoint:
        answer = act(endpoint, [SystemMessage("You edit."), HumanMessage("go")], "actions")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == calls
    assert len(answer.invalid_tool_calls) == invalid
    assert answer.text == text
    request = endpoint.requests[0]
    assert "tools" not in request
    assert request["messages"][0]["content"].startswith("You edit.")
    assert "suggest_layout" in request["messages"][0]["content"]
    actions = request["response_format"]["json_schema"]["schema"]["properties"]["actions"]["items"]["anyOf"]
    assert [action["properties"]["tool"]["const"] for action in actions] == [tool.name for tool in TOOLS]


def test_earlier_calls_are_written_out_for_servers_without_tools(server: Server) -> None:
    call = {"name": "detect", "args": {"phrases": ["car"]}, "id": "1"}
    messages = [
        HumanMessage("go"),
        AIMessage("", tool_calls=[call]),
        ToolMessage('{"car": []}', name="detect", tool_call_id="1"),
    ]
    with server.play(said("ok")) as endpoint:
        act(endpoint, messages, "actions")
    roles = [message["role"] for message in endpoint.requests[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert "detect answered" in endpoint.requests[0]["messages"][-1]["content"]
    assert "tool_calls" not in endpoint.requests[0]["messages"][2]


@pytest.mark.parametrize("method", METHODS)
def test_the_whole_loop_over_http(server: Server, tmp_path: Path, method: str) -> None:
    add = {"op": "add", "name": "car", "attributes": ["red"], "box": [0.6, 0.5, 0.3, 0.3]}
    spec = said(None, tools=[("SceneSpec", SPEC)]) if method == "function_calling" else said(json.dumps(SPEC))
    edit = ("edit", {"operations": [add]})
    action = {"actions": [{"tool": edit[0], "arguments": edit[1]}]}
    acting = said(json.dumps(action)) if method == "actions" else said("", tools=[edit])
    images = ImageStore(tmp_path)
    with server.play(failed(429, "slow down"), spec, acting) as endpoint:
        context = Context(World(), model(endpoint, structured_output=method), images, settings())
        start = images.save(draw(scene(("red car", [0.1, 0.5, 0.3, 0.3]))))
        state = build_graph().invoke({"prompt": "two red cars", "image": start}, context=context, version="v2").value
    assert state["result"].exit == "agreed"
    assert state["result"].usage.input_tokens == 22
    assert len(endpoint.requests) == 3


def test_an_answer_that_was_cut_off_is_asked_for_once_more_with_more_room(server: Server) -> None:
    with server.play(said('{"objects": [{"na', finish="length"), said(json.dumps(SPEC))) as endpoint:
        answer: Any = model(endpoint).with_structured_output(SceneSpec, include_raw=True).invoke("x")
    assert answer["parsed"] == SceneSpec.model_validate(SPEC)
    assert [request["max_tokens"] for request in endpoint.requests] == [2048, 8192]


def test_an_answer_that_goes_round_in_circles_is_not_asked_for_again(server: Server) -> None:
    with server.play(said('{"objects": [' + '{"name": "car"}, ' * 60, finish="length")) as endpoint:
        answer: Any = model(endpoint).with_structured_output(SceneSpec, include_raw=True).invoke("x")
    assert answer["parsed"] == SceneSpec.model_validate({"objects": [{"name": "car"}]})
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("is_call", [False, True])
def test_an_answer_without_end_is_ended_and_read_as_far_as_it_makes_sense(server: Server, is_call: bool) -> None:
    pieces = ['{"objects": [', *['{"name": "car", "attributes": ["red"]}, '] * 2000]
    call = {"index": 0, "id": "1", "function": {"name": "SceneSpec"}}
    deltas = [{"tool_calls": [call]}] if is_call else []
    for piece in pieces:
        part = {"index": 0, "function": {"arguments": piece}}
        deltas.append({"tool_calls": [part]} if is_call else {"content": piece})
    events = (f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n" for delta in deltas)
    way = "function_calling" if is_call else "json_schema"
    with server.play(Reply("".join(events))) as endpoint:
        chat = model(endpoint, structured_output=way).with_structured_output(SceneSpec, include_raw=True)
        answer: Any = chat.invoke("x")
    assert len(endpoint.requests) == 1
    assert answer["raw"].response_metadata["finish_reason"] == "length"
    assert answer["parsed"] == SceneSpec.model_validate({"objects": [{"name": "car", "attributes": ["red"]}]})
    assert len(answer["raw"].text) < sum(map(len, pieces)) / 2


@pytest.mark.parametrize("option", ["temperature", "seed", "max_tokens"])
def test_an_option_that_a_server_does_not_take_is_left_out_from_then_on(server: Server, option: str) -> None:
    with server.play(failed(400, f"Unsupported value: '{option}'"), said("hello")) as endpoint:
        chat = model(endpoint).bind(max_tokens=9)
        assert [chat.invoke("hi").text, chat.invoke("hi").text] == ["hello", "hello"]
    assert [option in request for request in endpoint.requests] == [True, False, False]


def test_the_key_is_hidden_in_the_model_itself() -> None:
    chat = make_chat_model(ChatSettings(api_key=SecretStr(KEY)))
    assert KEY not in repr(chat)
    assert KEY not in str(chat)
