#!/usr/bin/python3
# Transfers of known size. Payload counts as the kernel counts it: every byte that is sent, the request's line too.
#
#   transfer.py serve PORT...                          what the other side answers, of both families
#   transfer.py ask ADDRESS PORT SENT RECEIVED END     SENT bytes there, RECEIVED bytes back, closed as END says:
#     client-first, server-first, half-close (the client says first that it has no more to send), reset
# Prints "ready", or "done".
import array, fcntl, os, socket, struct, sys, termios, threading, time


def read_all(connection, size):
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise OSError("the connection ended early")
        size -= len(part)


def answer(connection):
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return
        line += byte
    sent, received, end = line.split()
    read_all(connection, int(sent) - len(line))
    if end == b"half-close" and connection.recv(1) != b"":
        raise OSError("more came than was said")
    connection.sendall(b"x" * int(received))
    if end in (b"client-first", b"reset"):
        try:
            connection.recv(1)
        except ConnectionResetError:
            pass
    connection.close()


def serve(ports):
    for port in ports:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1000)

        def accept(listener=listener):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


def wait_until_acknowledged(connection):
    """A reset forgets what is on its way, and the kernel counts what the other side has said it has."""
    waiting = array.array("i", [1])
    while waiting[0]:
        fcntl.ioctl(connection, termios.TIOCOUTQ, waiting)
        time.sleep(0.001)


def ask(address, port, sent, received, end):
    connection = socket.create_connection((address, port), timeout=30)
    line = b"%d %d %s\n" % (sent, received, end.encode())
    connection.sendall(line + b"x" * (sent - len(line)))
    if end == "half-close":
        connection.shutdown(socket.SHUT_WR)
    read_all(connection, received)
    if end in ("server-first", "half-close") and connection.recv(1) != b"":
        raise OSError("more came than was asked for")
    if end == "reset":
        wait_until_acknowledged(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    print("done")


if sys.argv[1] == "serve":
    serve([int(port) for port in sys.argv[2:]])
else:
    ask(sys.argv[2], *[int(number) for number in sys.argv[3:6]], sys.argv[6])
