"""Runs llama.cpp's own server, as PyPI's xllamacpp carries it, until SIGTERM: the peer of `oriel-bench compare`.

What is not named here is what `llama-server` itself would take: its prompt cache (8 GiB of memory), its batches of 2,048
tokens, flash attention where it thinks it pays, no speculation. `--context` is that of one slot; llama-server divides its
own by the number of slots. As with llama-server's `--parallel`, a number of slots gives each a cache of its own unless
`--kv-unified` is said.
"""

import argparse
import json
import signal
import threading


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a GGUF file")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--context", type=int, default=2048, help="tokens of each slot")
    parser.add_argument("--kv-unified", action="store_true", help="one cache for all slots")
    parser.add_argument("--guess", action="store_true", help="its simplest speculation from the prompt, off by default")
    parser.add_argument("--about", action="store_true", help="tell what it is, and end")
    return parser.parse_args()


def about():
    import xllamacpp

    kernels = xllamacpp.get_system_info().strip().removeprefix("CPU :").split("|")
    on = [kernel.split("=")[0].strip() for kernel in kernels if kernel.strip().endswith("= 1")]
    build = json.dumps(xllamacpp.BUILD_INFO)
    return f"xllamacpp {xllamacpp.__version__} {build}, kernels {' '.join(on)}"


def main():
    wanted = arguments()
    if wanted.about:
        print(about())
        return
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = wanted.model
    params.port = wanted.port
    params.cpuparams.n_threads = wanted.threads
    params.cpuparams_batch.n_threads = wanted.threads
    params.n_parallel = wanted.slots
    params.n_ctx = wanted.slots * wanted.context
    params.kv_unified = wanted.kv_unified
    params.endpoint_props = True
    if wanted.guess:
        kinds = xllamacpp.common_speculative_type
        params.speculative.types = [kinds.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    server = xllamacpp.Server(params)
    print("listening on", server.listening_address, flush=True)
    # A wait without end would not let Python see signals on every platform.
    while not stopping.wait(3600):
        pass
    del server


main()
