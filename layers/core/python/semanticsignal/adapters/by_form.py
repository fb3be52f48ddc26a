"""A language model made of two: one decides, the other looks back at what came of it."""

from ..domain.decision import Form, Prompt, Reply
from ..ports import LanguageModel


class ByForm:
    """Each is asked for what is its own."""

    def __init__(self, decides: LanguageModel, reviews: LanguageModel) -> None:
        self._decides, self._reviews = decides, reviews

    async def complete(self, prompt: Prompt) -> Reply:
        return await (self._reviews if prompt.form is Form.POST_MORTEM else self._decides).complete(prompt)

    async def close(self) -> None:
        await self._decides.close()
        await self._reviews.close()
