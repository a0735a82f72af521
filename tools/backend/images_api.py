"""The OpenAI Images protocol, spoken by OpenAI and by many local servers."""

from __future__ import annotations

import base64
import binascii
import math
from io import BytesIO
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import openai
from PIL import ImageOps
from PIL.Image import Resampling, fromarray

from tools.backend.protocol import BackendError
from tools.bounded_http import BoundedTransport, UnboundedAnswer
from tools.images import PictureError, open_picture
from tools.redaction import Redactor, login_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from configs.settings import ChatSettings, ServiceEditorSettings
    from tools.backend.protocol import Progress


LONGEST_ANSWER = 128 * 2**20  # bytes: a picture in base64


class ImagesApi:
    """A client for one model; address, key, time-out and attempts are those of the chat section."""

    def __init__(self, model: str, chat: ChatSettings) -> None:
        self.model = model
        self._key = chat.api_key.get_secret_value() if chat.api_key else ""
        if not self._key and not chat.base_url:
            raise BackendError("kind 'openai' needs a key: set OPENAI_API_KEY, or chat.base_url for a server")
        self._redactor = Redactor((self._key, *login_secrets(chat.base_url)))
        self._client = openai.OpenAI(
            api_key=self._key or "none",
            base_url=chat.base_url,
            timeout=chat.timeout,
            http_client=httpx.Client(transport=BoundedTransport(chat.timeout, LONGEST_ANSWER)),  # type: ignore[arg-type, unused-ignore]  # newer SDKs name another library first, and take both
            max_retries=chat.attempts - 1,
        )

    def generate(self, prompt: str, size_wh: tuple[int, int]) -> Image:
        """Ask for one picture; the server may answer with another size than ``size_wh``.

        Raises:
            BackendError: the server refuses, cannot be reached, or answers with no picture.
        """
        return self._picture(self._client.images.generate, prompt, size_wh)

    def edit(self, prompt: str, image: Image, mask: Image) -> Image:
        """Ask for an edit of ``image`` where ``mask`` is white; the server may answer with another size.

        Raises:
            BackendError: the server refuses, cannot be reached, or answers with no picture.
        """
        # the protocol's mask is the picture with what may be painted transparent
        cut = image.convert("RGBA")
        cut.putalpha(ImageOps.invert(mask.convert("L")))
        files = {"image": ("image.png", _png(image), "image/png"), "mask": ("mask.png", _png(cut), "image/png")}
        return self._picture(self._client.images.edit, prompt, image.size, **files)

    def _picture(self, ask: Callable[..., Any], prompt: str, size_wh: tuple[int, int], **files: Any) -> Image:
        # the gpt-image models always answer in base64 and refuse to be told so
        form = {} if self.model.startswith("gpt-image") else {"response_format": "b64_json"}
        try:
            answer = ask(model=self.model, prompt=prompt, n=1, size=f"{size_wh[0]}x{size_wh[1]}", **form, **files)
        except openai.AuthenticationError:
            raise BackendError(f"the image service refused the key for model {self.model!r}: check it") from None
        except (openai.OpenAIError, UnboundedAnswer) as error:
            reason = self._redactor.text(str(error))[:500]
            raise BackendError(
                f"the image service made no picture with model {self.model!r} at {size_wh[0]}x{size_wh[1]}: {reason}"
            ) from None
        encoded = answer.data[0].b64_json if answer.data else None
        if not encoded:
            raise BackendError(
                "the image service answered without base64 picture data; use a server that sends b64_json"
            )
        try:
            return open_picture(base64.b64decode(encoded, validate=True))
        except (binascii.Error, PictureError) as error:
            raise BackendError(f"the image service sent something that is no picture: {error}") from None


class ServiceEditor:
    """Follows instructions by the protocol's edits, in the sizes that the service takes.

    It takes no seed; what it keeps to of a mask differs from model to model, so none is relied on.
    """

    device, masked = None, False

    def __init__(self, api: ImagesApi) -> None:
        self.api, self.name = api, api.model

    def follow(
        self,
        seeds: Sequence[int],
        progress: Progress | None,
        settings: ServiceEditorSettings,
        *,
        image: Image,
        mask: Image,
        instruction: str,
    ) -> list[Image]:
        """Return one RGB picture per seed, of the size of ``image``; ``mask`` is white where it may be painted."""
        wanted = nearest_size(image.size, settings.sizes)
        scale = min(wanted[0] / image.width, wanted[1] / image.height)
        inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        sent, where = fitted(image, inner, wanted), fitted(mask, inner, wanted, fill=0)
        made = []
        for number in range(1, len(seeds) + 1):
            answer = self.api.edit(instruction, sent, where).convert("RGB")
            if answer.size != wanted:
                answer = answer.resize(wanted, Resampling.LANCZOS)
            made.append(answer.crop((0, 0, *inner)).resize(image.size, Resampling.LANCZOS))
            if progress:
                progress("instruct", number, len(seeds))
        return made

    def evaluations(self) -> int:
        """Return 0: what the service computes is not known."""
        return 0


def nearest_size(size_wh: tuple[int, int], sizes: Sequence[str]) -> tuple[int, int]:
    """Return the one of some sizes ("1024x1024") that is nearest in shape; the picture's own where none are given."""
    known = [(int(width), int(height)) for width, height in (size.split("x") for size in sizes)]
    shape = math.log(size_wh[0] / size_wh[1])
    return min(known, key=lambda one: abs(math.log(one[0] / one[1]) - shape), default=size_wh)


def fitted(image: Image, inner_wh: tuple[int, int], size_wh: tuple[int, int], fill: int | None = None) -> Image:
    """Return a picture scaled to ``inner_wh`` in the top left of ``size_wh``, its edges repeated, or filled."""
    small = image if image.size == inner_wh else image.resize(inner_wh, Resampling.LANCZOS)
    values = np.asarray(small)
    pad = ((0, size_wh[1] - inner_wh[1]), (0, size_wh[0] - inner_wh[0]), (0, 0))[: values.ndim]
    padded = np.pad(values, pad, mode="edge") if fill is None else np.pad(values, pad, constant_values=fill)
    return fromarray(padded)


def _png(image: Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
