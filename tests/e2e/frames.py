"""The binary protocol's frames (io/PROTOCOL.md), for tests that send wrong ones too."""
import ctypes
import struct

HELLO, WELCOME, COMMANDS, RESULTS, PING, PONG, ERROR = range(1, 8)
(OK, BAD_MAGIC, BAD_LENGTH, TOO_LARGE, BAD_CHECKSUM, BAD_VERSION, BAD_KIND, BAD_COUNT, NO_HELLO, BAD_TOKEN,
 NO_CREDIT, BUSY, BUSY_ADDRESS, LATE, IDLE) = range(15)

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits_withSeed.restype = ctypes.c_uint64
_xxhash.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


def frame(kind, body=b"", count=0, request=0, magic=b"SPT1", version=1, length=None, checksum=None):
    head = struct.pack("<4sIHHIQ", magic, 32 + len(body) if length is None else length, kind, version, count, request)
    if checksum is None:
        checksum = _xxhash.XXH3_64bits_withSeed(body, len(body), _xxhash.XXH3_64bits_withSeed(head, 24, 0))
    return head + struct.pack("<Q", checksum) + body


def hello(first=1, last=1, capabilities=0, token=b"", **wrong):
    body = struct.pack("<HHIB7x", first, last, capabilities, len(token)) + token
    return frame(HELLO, body + bytes(-len(body) % 8), **wrong)


def order_get(order_id, request=0):
    text = order_id.encode()
    length = (16 + 8 + len(text) + 7) & ~7
    return (struct.pack("<IHHQB7x", length, 2, 0, request, len(text)) + text).ljust(length, b"\0")


def order_create(order_id, sku, request=0, units=1, lines=1):
    texts = [order_id.encode(), b"c", b"", b"", b"", b"", b"", b""]
    currency = int.from_bytes(b"CNY", "little")
    body = struct.pack("<QQIHBB8B", 0, 0, currency, lines, 0, 0, *map(len, texts))
    body += struct.pack("<IIq", sku, units, 1999) * lines
    body += b"".join(texts)
    length = (16 + len(body) + 7) & ~7
    return (struct.pack("<IHHQ", length, 1, 0, request) + body).ljust(length, b"\0")


def sku_resolve(code, request=0):
    text = code.encode()
    length = (16 + 8 + len(text) + 7) & ~7
    return (struct.pack("<IHHQB7x", length, 65, 0, request, len(text)) + text).ljust(length, b"\0")


def commands(*each, **wrong):
    return frame(COMMANDS, b"".join(each), **{"count": len(each), **wrong})


def read_frame(stream):
    """Kind, count, request, body; None at the end. `stream` is socket.makefile("rb")."""
    head = stream.read(32)
    if not head:
        return None
    _, length, kind, _, count, request, _ = struct.unpack("<4sIHHIQQ", head)
    return kind, count, request, stream.read(length - 32)


def results(body):
    """For each result its code, kind, request and bytes."""
    at = 0
    while at < len(body):
        length, code, kind, request = struct.unpack_from("<IHHQ", body, at)
        yield code, kind, request, body[at:at + length]
        at += length


def fault(said):
    """What an error frame says."""
    kind, _, _, body = said
    assert kind == ERROR, kind
    number, length = struct.unpack_from("<II", body)
    assert 0 < length <= 112
    return number
