"""What servers that tests play have in common: sockets, and a thread for each connection."""
import contextlib
import socket
import threading


class Listeners:
    """On some addresses and one port; `listen` makes a socket of these. Who inherits has `serve(connection)`."""

    def __init__(self, addresses, port, listen):
        self.sockets = [listen(address, port) for address in addresses]
        for s in self.sockets:
            threading.Thread(target=self.accept, args=[s], daemon=True).start()

    def close(self):
        for s in self.sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def accept(self, s):
        while True:
            try:
                connection, _ = s.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()
