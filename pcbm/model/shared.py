"""The methods by which a model is given to others: a folder, or the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from sklearn.utils.validation import check_is_fitted

from pcbm.errors import InputError


class Shared:
    """`save_pretrained`, `from_pretrained` and `push_to_hub`; see `pcbm.model.hub`."""

    if TYPE_CHECKING:

        def save(self, folder: str | Path, *, force: bool = False) -> None:
            """Write a RUN folder; the model has it."""

    def save_pretrained(self, folder: str | Path, *, force: bool = False) -> None:
        """Write this model as a RUN folder, which `from_pretrained` and `pcbm.load` read."""
        self.save(folder, force=force)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
    ) -> Self:
        """Return the model of a RUN folder, or of a run on the Hugging Face hub.

        Parameters are those of `pcbm.model.hub.from_pretrained`.

        Raises
        ------
        InputError
            There is no such run, or it holds a model of another class.
        """
        from pcbm.model.hub import from_pretrained

        model = from_pretrained(
            name,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
        ).model
        if not isinstance(model, cls):
            raise InputError(
                f"{name} holds a {type(model).__name__}, not a {cls.__name__}: use "
                f"{type(model).__name__}.from_pretrained, or pcbm.load for a folder of either"
            )
        return model

    def push_to_hub(
        self,
        name: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        message: str = "Add a concept-bottleneck model",
    ) -> str:
        """Upload this model to the Hugging Face hub and return the address of the commit.

        Parameters are those of `pcbm.model.hub.push_to_hub`.
        """
        from pcbm.model.hub import push_to_hub
        from pcbm.model.run import Run

        check_is_fitted(self)
        return push_to_hub(
            Run.of_model(self),
            name,
            private=private,
            token=token,
            revision=revision,
            message=message,
        )
