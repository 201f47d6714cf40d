"""The flags of a `FlagClient` for the OpenFeature SDK (the extra `openfeature`).

    from openfeature import api
    from flags.client.openfeature import FlagClientProvider

    api.set_provider(FlagClientProvider(FlagClient(url=..., token=..., declarations=...)))
    api.get_client().get_boolean_value("my_new_feature", False)

No evaluation asks over HTTP: each is a look into the client's own table.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    ErrorCode,
    FlagNotFoundError,
    GeneralError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata, ProviderStatus

from flags.client import Explanation, FlagClient, Layer
from flags.layers import word


class FlagClientProvider(AbstractProvider):
    """Evaluates booleans, whose variants are `on` and `off`; the context makes no difference.

    Reasons: STATIC for what the console said, STALE where it does not answer at present, DEFAULT
    where `FLAG_*` or the YAML answered because it never did. Undeclared keys are FLAG_NOT_FOUND,
    other types TYPE_MISMATCH; both give the caller's default.

    Its status is READY once the console answered, STALE while it does not, ERROR as long as it
    never did; values come in any of them. Handlers are told of flags that changed
    (PROVIDER_CONFIGURATION_CHANGED). `shutdown()` closes the client.
    """

    def __init__(self, client: FlagClient) -> None:
        super().__init__()
        self._client = client
        self._status = ProviderStatus.NOT_READY
        client.listen(self._hear)

    def get_metadata(self) -> Metadata:
        return Metadata(name="raxx-flags")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Wait for the console, at most 2 seconds. Raises GeneralError where nothing came: the SDK
        makes ERROR of it, and the provider works on what the service knows by itself."""
        self._client.begin()
        self._client.ensure_fresh()
        if self._client.age is None:
            self._status = ProviderStatus.ERROR
            raise GeneralError(
                "the console did not answer: FLAG_* variables and the YAML do until it does"
            )
        self._status = ProviderStatus.READY

    def shutdown(self) -> None:
        self._status = ProviderStatus.NOT_READY
        self._client.close()

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        self._check_declared(flag_key)
        known = self._client.explain(flag_key)
        metadata: dict[str, bool | int | float | str] = {
            "source": known.source.value,
            "risk": known.risk,
        }
        if known.console_source is not None:
            metadata["console_source"] = known.console_source
        return FlagResolutionDetails(
            known.value,
            reason=self._reason(known),
            variant=word(known.value),
            flag_metadata=metadata,
        )

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        self._refuse_type(flag_key)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        self._refuse_type(flag_key)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        self._refuse_type(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        self._refuse_type(flag_key)

    def _reason(self, known: Explanation) -> Reason:
        if known.source is not Layer.CONSOLE:
            return Reason.DEFAULT
        return Reason.STALE if self._client.is_failing else Reason.STATIC

    def _check_declared(self, key: str) -> None:
        if key not in self._client.declarations:
            raise FlagNotFoundError(f"{key!r} is not declared in this service's flags file")

    def _refuse_type(self, key: str) -> NoReturn:
        self._check_declared(key)
        raise TypeMismatchError(f"flag {key!r} is a boolean")

    def _hear(self, went_well: bool, changed: list[str]) -> None:
        """What the client's thread tells of each question to the console. What happens before the
        end of `initialize` is for the SDK to say."""
        if self._status is ProviderStatus.NOT_READY:
            return
        if not went_well:
            if self._status is ProviderStatus.READY:
                self._status = ProviderStatus.STALE
                self.emit_provider_stale(
                    ProviderEventDetails(
                        message="the console does not answer: its last answers stay",
                        error_code=ErrorCode.GENERAL,
                    )
                )
            return
        if self._status is not ProviderStatus.READY:
            self._status = ProviderStatus.READY
            self.emit_provider_ready(ProviderEventDetails())
        if changed:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=changed))
