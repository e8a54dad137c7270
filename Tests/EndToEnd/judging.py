"""A judge as tests hold it in hand: a server that speaks the hook's JSON."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import wait_until


class JudgeServer(ThreadingHTTPServer):
    """Speaks the hook's JSON; what it says, a test decides."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), JudgeHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/judge"
        self.asked, self.open = [], 0
        self.find()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def find(self, *findings):
        self.answer = lambda question: {"findings": list(findings)}

    def hang(self):
        def wait(question):
            time.sleep(8)
            return {"findings": []}
        self.answer = wait

    def die(self):
        self.answer = lambda question: None


class JudgeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, question))
        answer = self.server.answer(question)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def said(record, rule="judge/second"):
    return [(f["side"], f["category"], f["verdict"]) for f in record["findings"] if f["rule"] == rule]


def settled(steward, count):
    return wait_until(lambda: len(steward.records()) >= count and steward.records(), 10, 0.2)
