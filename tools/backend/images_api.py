"""The OpenAI Images protocol, spoken by OpenAI and by many local servers."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import httpx
import openai

from tools.backend.protocol import BackendError
from tools.bounded_http import BoundedTransport, UnboundedAnswer
from tools.images import PictureError, open_picture
from tools.redaction import Redactor, login_secrets

if TYPE_CHECKING:
    from PIL.Image import Image

    from configs.settings import ChatSettings


LONGEST_ANSWER = 128 * 2**20  # bytes: a picture in base64


class ImagesApi:
    """A client for one model; address, key, time-out and attempts are those of the chat section."""

    def __init__(self, model: str, chat: ChatSettings) -> None:
        self.model = model
        self._key = chat.api_key.get_secret_value() if chat.api_key else ""
        if not self._key and not chat.base_url:
            raise BackendError("generator.kind 'openai' needs a key: set OPENAI_API_KEY, or chat.base_url for a server")
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
        # the gpt-image models always answer in base64 and refuse to be told so
        form = {} if self.model.startswith("gpt-image") else {"response_format": "b64_json"}
        try:
            answer = self._client.images.generate(
                model=self.model,
                prompt=prompt,
                n=1,
                size=f"{size_wh[0]}x{size_wh[1]}",  # type: ignore[call-overload]  # other servers take any size
                **form,
            )
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
