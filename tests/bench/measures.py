"""What is measured, a function each; and the rounds."""

import statistics
import subprocess
import time

import ground as grounds
import peers

BASE = "nginx"


class Span:
    """How long and how often: the quick form is a look, and no more."""

    def __init__(self, quick, rounds):
        self.quick, self.rounds = quick, rounds or (3 if quick else 9)

    def ms(self, full, quick):
        return quick if self.quick else full


def saturated(place, peer, span):
    """Small requests, as many as go, over 32 connections."""
    got = place.load("flood", peer.address, peer.token, "json 1024", peer.pids(), ms=span.ms(4000, 900))
    return {"cpu_us": got["cpu_ns"] / got["requests"] / 1e3, "per_second": got["requests"] / got["wall_ns"] * 1e9}


def paced(rate):
    def measure(place, peer, span):
        got = place.load("paced", peer.address, peer.token, "json 1024", peer.pids(), rate=rate,
                         ms=span.ms(5000, 1000))
        return {"cpu_us": got["cpu_ns"] / got["requests"] / 1e3, "p50_us": got["p50_ns"] / 1e3,
                "p99_us": got["p99_ns"] / 1e3}

    measure.__doc__ = f"Small requests, {rate} a second, each at its time."
    return measure


def single(place, peer, span):
    """One connection: what the first byte takes beyond what it takes without a gateway."""
    far = place.load("single", place.upstream, place.key, "json 1024", ca=place.ca, ms=span.ms(1500, 250))
    got = place.load("single", peer.address, peer.token, "json 1024", peer.pids(), ms=span.ms(3000, 400))
    return {"added_us": (got["p50_ns"] - far["p50_ns"]) / 1e3, "direct_us": far["p50_ns"] / 1e3}


def down(chunk):
    def measure(place, peer, span):
        size = span.ms(64, 8) * 1024 * 1024 if chunk >= 1024 else span.ms(8, 1) * 1024 * 1024
        got = place.load("flood", peer.address, peer.token, f"bytes {size} {chunk}", peer.pids(), connections=4,
                         ms=span.ms(3000, 600))
        return {"cpu_s_per_gb": got["cpu_ns"] / max(got["bytes"], 1)}

    measure.__doc__ = f"Large response bodies in chunks of {chunk} bytes."
    return measure


def up(place, peer, span):
    """Large request bodies."""
    size = 4 * 1024 * 1024
    got = place.load("flood", peer.address, peer.token, "json 2", peer.pids(), connections=4, body=size,
                     ms=span.ms(3000, 500))
    return {"cpu_s_per_gb": got["cpu_ns"] / (got["requests"] * size)}


def events(place, peer, span):
    """Fifty streams of small events, fifty a second each."""
    got = place.load("streams", peer.address, peer.token, f"events {span.ms(150, 40)} 20000 220", peer.pids(),
                     connections=50)
    return {"cpu_us": got["cpu_ns"] / got["events"] / 1e3, "p50_us": got["p50_ns"] / 1e3,
            "p99_us": got["p99_ns"] / 1e3}


def open_streams(count):
    def measure(place, peer, _span):
        before = peer.memory()
        command = place.load_command("hold", peer.address, peer.token, "hold", more={"connections": count})
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.DEVNULL, preexec_fn=grounds.dies_with_us)
        held = child.stdout.readline().split()
        time.sleep(0.5)
        grown = peer.memory() - before
        child.communicate()
        time.sleep(0.3)
        return {"kb_each": grown / int(held[1]) / 1024} if held else {}

    measure.__doc__ = f"What a stream that waits holds, with {count} of them."
    return measure


def idle(_place, peer, span):
    """Nothing: memory, and how often anything wakes."""
    time.sleep(1.2)
    before, span_s = peer.switches(), span.ms(10_000, 2_000) / 1000
    time.sleep(span_s)
    return {"mb": peer.memory() / 1e6, "wakes_per_second": (peer.switches() - before) / span_s}


def grown(place, peer, span):
    """CPU a request with 10 grants and with 50,000, of as many consumers: a file holds little more."""
    if peer.name != "ugent":
        return {}
    found = {}
    for count in (10, 50_000):
        others = "".join(peers.GRANT.replace("ugent-core", f"c{number}") for number in range(count - 1))
        others = others.replace(', "llm.embeddings"', "").replace(" = ", "=")
        grown_peer = peers.broker(place, f"grants-{count}", grants=others + peers.GRANT)
        got = [saturated(place, grown_peer, span)["cpu_us"] for _ in range(3)]
        place.stop([grown_peer.process])
        found[f"cpu_us_{count}"] = statistics.median(got)
    return found


# Name, what, whether latency is what counts, whether it is measured once instead of in rounds.
MEASURES = {
    "idle": (idle, False, True),
    "saturated": (saturated, False, False),
    "paced-500": (paced(500), True, False),
    "paced-2000": (paced(2000), True, False),
    "single": (single, True, False),
    "events": (events, True, False),
    "down-16k": (down(16 * 1024), False, False),
    "down-250": (down(250), False, False),
    "up": (up, False, False),
    "streams-100": (open_streams(100), False, True),
    "streams-1000": (open_streams(1000), False, True),
    "streams-8000": (open_streams(8000), False, True),
    "grants": (grown, False, True),
}
NOT_IN_QUICK = {"streams-1000", "streams-8000", "grants"}


def all_of(place, quick, rounds, wanted):
    """{measure: {peer: {quantity: [one a round]}}}"""
    span, found = Span(quick, rounds), {}
    for name, (measure, is_latency, is_once) in MEASURES.items():
        if wanted and name not in wanted or not wanted and quick and name in NOT_IN_QUICK:
            continue
        print(f"== {name}: {measure.__doc__}", flush=True)
        spinning = place.spinners() if is_latency else []
        turns = [peer for peer in place.peers if not (is_once and peer.name == "nginx-again")]
        found[name] = {peer.name: {} for peer in turns}
        for number in range(1 if is_once else span.rounds):
            turn = number % len(turns)
            for peer in turns[turn:] + turns[:turn]:
                try:
                    got = measure(place, peer, span)
                except grounds.Unable as error:
                    print(f"   {peer.name}: {error}", flush=True)
                    got = {}
                for quantity, value in got.items():
                    found[name][peer.name].setdefault(quantity, []).append(value)
        place.stop(spinning)
        tell(found[name])
    return found


def ratios(rounds, base):
    """Median, least and most of the rounds' ratios."""
    each = sorted(one / other for one, other in zip(rounds, base) if other > 0)
    return (statistics.median(each), each[0], each[-1]) if each else None


def tell(of_peers):
    for quantity in dict.fromkeys(quantity for got in of_peers.values() for quantity in got):
        parts = []
        for peer, quantities in of_peers.items():
            rounds = quantities.get(quantity, [])
            if not rounds:
                continue
            ratio = ratios(rounds, of_peers[BASE].get(quantity, []))
            text = f"{peer} {statistics.median(rounds):.2f}"
            if peer != BASE and ratio:
                text += f" (x{ratio[0]:.2f}, {ratio[1]:.2f}-{ratio[2]:.2f})"
            parts.append(text)
        print(f"   {quantity:>16}: {'  '.join(parts)}", flush=True)
