"""Has the agent keep the beginnings of requests until it is killed: hog.py SOCKET

Each of 400 requests sends all of a megabyte but the last byte, 16 at the same time, and is held until the agent is gone:
a process that is slowly short of memory can go on for long. Prints how many the agent took.
"""
import socket, sys, threading, time

SIZE = 1 << 20
END = time.monotonic() + 60
held, errors = [], []


def run():
    try:
        for _ in range(25):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(60)
            connection.connect(sys.argv[1])
            held.append(connection)
            connection.sendall(b"POST /v1/cni/check HTTP/1.1\r\nHost: weir\r\nContent-Length: %d\r\n\r\n" % SIZE)
            connection.sendall(b" " * (SIZE - 1))
        connection.settimeout(max(END - time.monotonic(), 1))
        connection.recv(1)  # ends when the agent does
    except OSError as error:
        errors.append(str(error))


threads = [threading.Thread(target=run) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{len(held)} requests", *errors[:1], sep=", then: ")
