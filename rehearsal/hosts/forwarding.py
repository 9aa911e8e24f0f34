"""A forwarded connection (direct-tcpip): bytes pass both ways at the pace of the slower side, each half closed by itself."""

import asyncio

import asyncssh


class Onward(asyncio.Protocol):
    """The far end of a forwarded connection: bytes go to the channel, at the channel's pace."""

    def __init__(self) -> None:
        self.channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self.transport: asyncio.Transport | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait with reading until the channel is open."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.channel:
            self.channel.write(data)

    def eof_received(self) -> bool:
        """Pass the half-close on, and keep the other half open."""
        self._ended = True
        if self.channel and not self.channel.is_closing():
            self.channel.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the channel."""
        if self.channel:
            self.channel.close()

    def pause_writing(self) -> None:
        """Hold the client back."""
        if self.channel:
            self.channel.pause_reading()

    def resume_writing(self) -> None:
        """Let the client go on."""
        if self.channel:
            self.channel.resume_reading()


class Inward(asyncssh.SSHTCPSession[bytes]):
    """The channel's end of a forwarded connection."""

    def __init__(self, onward: Onward) -> None:
        self._onward = onward
        assert onward.transport
        self._transport = onward.transport

    def connection_made(self, chan: "asyncssh.SSHTCPChannel[bytes]") -> None:
        """Join both ends."""
        self._onward.channel = chan

    def session_started(self) -> None:
        """Let the far end's bytes come."""
        self._transport.resume_reading()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Pass on."""
        self._transport.write(data)

    def eof_received(self) -> bool:
        """Pass the half-close on, and keep the other half open."""
        self._transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the far end."""
        self._transport.close()

    def pause_writing(self) -> None:
        """Hold the far end back."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the far end go on."""
        self._transport.resume_reading()
