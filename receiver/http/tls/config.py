"""The configuration of a port that speaks TLS, in the words of Prometheus' web configuration."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from receiver.config.types import ConfigFile
from routing.config.base import Section


class ClientAuth(StrEnum):
    """Whether clients show a certificate (``client_auth_type`` of Prometheus' exporter-toolkit).

    Those of its kinds that take a certificate without verifying it are not offered.
    """

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class TlsServerConfig(Section):
    """The certificate of a port, and whose certificates it takes.

    The files are PEM; they are read again when they change.
    """

    cert_file: ConfigFile = Field(min_length=1)
    key_file: ConfigFile = Field(min_length=1)
    client_auth_type: ClientAuth = ClientAuth.NONE
    client_ca_file: ConfigFile = ""
    min_version: Literal["TLS12", "TLS13"] = "TLS12"

    @model_validator(mode="after")
    def _knows_clients(self) -> Self:
        if self.client_auth_type is ClientAuth.NONE and self.client_ca_file:
            asks = f"{ClientAuth.IF_GIVEN}, {ClientAuth.REQUIRED}"
            raise ValueError(f"client_ca_file without client_auth_type does nothing; set: {asks}")
        if self.client_auth_type is not ClientAuth.NONE and not self.client_ca_file:
            raise ValueError(f"{self.client_auth_type} needs client_ca_file: who vouches for them")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """What is read, and looked at for changes."""
        return tuple(filter(None, (self.cert_file, self.key_file, self.client_ca_file)))
