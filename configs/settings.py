"""Every setting of the system, in one frozen tree, and the one place where their precedence is decided.

Precedence: command line > environment (``SLD_SECTION__FIELD``) > preset YAML > the defaults below.
Knows nothing of models: a preset only names them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from configs.about import AboutSettings
from configs.errors import SettingsError, in_words
from configs.parts import (
    AnyDetector,
    AnyEditor,
    AnyInpainter,
    AnySegmenter,
    BackdropSettings,
    CocoDetectorSettings,
    DetectorSettings,
    EditorSettings,
    GeneratorSettings,
    GroundedPart,
    InpainterSettings,
    OnnxSegmenterSettings,
    PasteSettings,
    RefinerSettings,
    SegmenterSettings,
    Thresholds,
)
from configs.pipelines import (
    InpaintSettings,
    InstructSettings,
    LoraSettings,
    PipelineInpainterSettings,
    PipelineOptions,
    PipelinePart,
    ServiceEditorSettings,
)
from configs.preset_files import read_preset, read_yaml
from configs.prices import Price, price_of
from configs.section import (
    Address,
    FilePart,
    Part,
    Section,
    WorkerAddress,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AboutSettings",
    "AnyDetector",
    "BackdropSettings",
    "BackendSettings",
    "ChatSettings",
    "CocoDetectorSettings",
    "DetectorSettings",
    "EditorSettings",
    "FilePart",
    "GeneratorSettings",
    "GroundedPart",
    "InpaintSettings",
    "InpainterSettings",
    "InstructSettings",
    "JudgeSettings",
    "LoopSettings",
    "LoraSettings",
    "OnnxSegmenterSettings",
    "Part",
    "PasteSettings",
    "PipelineInpainterSettings",
    "PipelineOptions",
    "PipelinePart",
    "RefinerSettings",
    "Section",
    "SegmenterSettings",
    "ServiceEditorSettings",
    "Settings",
    "StorageSettings",
    "Thresholds",
    "load_settings",
]


class LoopSettings(Section):
    """When the correction loop stops. Each limit is a named exit."""

    rounds: int = Field(default=3, ge=0, le=1000)
    tool_calls: int = Field(default=60, ge=1, description="in one turn")
    tool_failures: int = Field(default=5, ge=1, description="in a row")
    tokens: int = Field(default=400_000, ge=1, description="of the language model, in one turn")
    seconds: float = Field(default=1800, gt=0, description="wall time of one turn")
    max_cost: float | None = Field(
        default=None, gt=0, description="US dollars for the language model in one turn, where its price is known"
    )
    repairs: int = Field(default=2, ge=0, le=10, description="times a model may mend its own broken JSON")
    fallback: Literal["solver", "stop"] = Field(
        default="solver", description="when the language model is at a loss: do what the solver proposes, or end"
    )
    refine: bool | Literal["always"] = Field(
        default=False, description="polish the picture that agrees; 'always': the best one of a turn that fails, too"
    )


class ChatSettings(Section):
    """The language model: 'offline' is the embedded planner, 'openai' any OpenAI-compatible endpoint."""

    provider: str = Field(
        default="auto",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="auto, offline, openai, or another that LangChain knows: anthropic, google_genai, ollama, ...",
    )
    model: str = "gpt-4o"
    parse_model: str | None = Field(
        default=None, description="a cheaper model of the same endpoint that reads texts; plans are the model's"
    )
    base_url: Address | None = None
    api_key: SecretStr | None = None
    timeout: float = Field(
        default=300,
        gt=0,
        description="seconds that the server may be silent: it reads the prompt before its first token",
    )
    answer_timeout: float = Field(default=1200, gt=0, description="seconds for one whole answer")
    attempts: int = Field(default=5, ge=1, le=20, description="tries after 429 and 5xx; after time-outs two at most")
    temperature: float | None = Field(default=0, ge=0, le=2, description="null sends none")
    seed: int | None = Field(default=0, ge=0, le=2**31, description="for servers that take one; null sends none")
    parse_tokens: int = Field(default=2048, ge=16, description="of one answer that reads a text; four times it at most")
    think_tokens: int = Field(default=2048, ge=16, description="of one answer that plans; four times it at most")
    structured_output: Literal["auto", "json_schema", "function_calling", "json_object", "actions"] = Field(
        default="auto", description="how answers get their form; auto asks the server once what it can do"
    )
    vision: bool = Field(default=False, description="the model can see pictures")
    price: Price | None = Field(
        default=None, description="US dollars for a million tokens; without it, the list price of OpenAI's own models"
    )

    @property
    def is_offline(self) -> bool:
        """Whether the embedded planner answers: without a key and an endpoint, 'auto' means that."""
        return self.provider == "offline" or (self.provider == "auto" and not self.api_key and not self.base_url)


class BackendSettings(Section):
    """A worker (`sld worker`) that has the models; this process then needs none of them."""

    url: WorkerAddress = Field(
        description="where the worker listens, such as http://gpu-1:8765, or a Ray cluster with workers: ray:auto, "
        "ray:HOST:6379"
    )
    token: SecretStr | None = Field(default=None, description="what the worker was started with in SLD_WORKER_TOKEN")
    seconds: float = Field(default=900, gt=0, description="for one call, its wait in the worker's queue included")
    patience: float = Field(default=60, ge=0, description="seconds that a worker that is gone is waited for")


class StorageSettings(Section):
    """Where sessions are kept: each in its folder, or in a Postgres that processes and machines share."""

    url: SecretStr | None = Field(
        default=None, description="postgresql://USER@HOST/DATABASE; none: each session is a folder"
    )
    pictures: str | None = Field(
        default=None, description="with url: where pictures go, such as s3://BUCKET/PREFIX; none: beside the sessions"
    )
    lease: float = Field(default=15, ge=1, le=3600, description="seconds of silence after which a process is dead")

    @field_validator("url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("it must be an address such as postgresql://user@localhost/sessions")
        return url


class JudgeSettings(Section):
    """What counts, and who is asked about what no detector can see."""

    article: Literal["exactly", "at least"] = Field(
        default="exactly", description="what 'a cup' means: one, or one or more"
    )
    vlm: ChatSettings | None = Field(
        default=None,
        description="a model that sees, for what no detector can check; without one, chat if it has vision",
    )


class Settings(Section):
    """The whole tree, as a preset, the environment and the command line make it."""

    detector: AnyDetector
    segmenter: AnySegmenter
    generator: GeneratorSettings | None = Field(default=None, description="none: pictures must be given")
    editor: AnyEditor
    inpainter: AnyInpainter | None = None
    refiner: RefinerSettings | None = None
    backend: BackendSettings | None = Field(default=None, description="none: the models run in this process")
    storage: StorageSettings = StorageSettings()
    heldout_detector: AnyDetector | None = Field(
        default=None, description="an independent detector, for evaluation only"
    )
    generators: dict[str, Thresholds] = Field(default={}, description="thresholds by the generator a batch item names")
    shapes: dict[str, Annotated[float, Field(gt=0.1, lt=10)]] = Field(
        default={}, description="usual width over height by noun, for new boxes; others are square"
    )
    backdrops: dict[str, BackdropSettings] = Field(
        default={}, description="settings that can be drawn, and told from the pixels, by name; others stay unchecked"
    )
    loop: LoopSettings = LoopSettings()
    judge: JudgeSettings = JudgeSettings()
    chat: ChatSettings = ChatSettings()
    about: AboutSettings | None = Field(default=None, description="for people: licence and what it needs")

    @property
    def setting_words(self) -> dict[str, tuple[str, ...]]:
        """The words that mean each setting which can be drawn and told, by its name."""
        return {name: (name, *backdrop.words) for name, backdrop in self.scenery.items()}

    @property
    def scenery(self) -> dict[str, BackdropSettings]:
        """The backdrops, and each ground in each light: "street at night" is a street, and at night."""
        lights = {name: one for name, one in self.backdrops.items() if one.light}
        grounds = {name: one for name, one in self.backdrops.items() if not one.light}
        lit = {
            f"{name} at {time}": ground.under(light).model_copy(
                update={"words": (name, *ground.words, time, *light.words)}
            )
            for name, ground in grounds.items()
            for time, light in lights.items()
        }
        return {**self.backdrops, **lit}

    @model_validator(mode="after")
    def _a_limited_cost_is_known(self) -> Self:
        asked = {"chat": self.chat, **({"judge.vlm": self.judge.vlm} if self.judge.vlm else {})}
        unknown = [name for name, chat in asked.items() if price_of(chat) is None]
        if self.loop.max_cost is not None and unknown:
            raise ValueError(
                f"loop.max_cost: the price of {asked[unknown[0]].model!r} is not known, so its cost cannot be "
                f"limited: set {unknown[0]}.price.input and {unknown[0]}.price.output (US dollars for a million tokens)"
            )
        return self


def load_settings(
    preset: str = "iconworld",
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Read a preset (a shipped name or a path to a YAML file) and lay environment and overrides over it.

    ``overrides`` maps dotted names to values, such as ``{"loop.rounds": 5}``; ``environment`` is
    ``os.environ`` when not given. ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` fill the chat section
    where nothing else does.

    Raises:
        SettingsError: unknown preset, unreadable YAML, unknown or invalid field.
    """
    environment = os.environ if environment is None else environment
    tree = read_preset(preset)
    for variable, dotted in (("OPENAI_API_KEY", "chat.api_key"), ("OPENAI_BASE_URL", "chat.base_url")):
        if environment.get(variable):
            tree.setdefault("chat", {}).setdefault(dotted.partition(".")[2], environment[variable])
    for variable, value in environment.items():
        if variable.startswith("SLD_") and "__" in variable:
            _put(tree, variable.removeprefix("SLD_").lower().replace("__", "."), read_yaml(value, variable))
    for dotted, value in (overrides or {}).items():
        _put(tree, dotted, value)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        problems = in_words(error.errors(include_input=False, include_url=False))
        raise SettingsError(f"preset {preset!r} does not make valid settings: {problems}") from None


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, last = dotted.split(".")
    for section in sections:
        below = tree.setdefault(section, {})
        if not isinstance(below, dict):
            raise SettingsError(f"cannot set {dotted!r}: {section!r} is not a section")
        tree = below
    tree[last] = value
