"""Digits a second in the page: the core as WebAssembly, in a worker of Chromium.

python benchmarks/page_rate.py, where playwright and Chromium are installed and core.wasm is built.
"""

from __future__ import annotations

import shutil

from playwright.sync_api import sync_playwright

import fastnn
from fastnn.explain import page

SECONDS = 5
RATE = """async (seconds) => {
  const { connect } = await import("fastnn/source-file.mjs");
  const record = JSON.parse(document.getElementById("fastnn-record").textContent);
  const source = await connect(record);
  let last;
  source.onframe = (frame) => { last = frame; };
  await source.call("train", { play: true });
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  await source.call("train", { play: false });
  return [last.examples / seconds, last.loss];
}"""


def main() -> None:
    """Train for some seconds, and print the rate by the clock on the wall."""
    (X, y), _ = fastnn.datasets.load_digits()
    net = fastnn.MLP(
        [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
    )
    html = page(net, X, y, examples=500, optimizer=fastnn.SGD(0.5), walkers=False).html
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page()
        tab.set_content(html)
        tab.wait_for_selector("[data-ready]", state="attached")
        rate, loss = tab.evaluate(RATE, SECONDS)
        browser.close()
    print(f"{rate:,.0f} digits a second, 784-16-16-10, batches of 10; the cost came to {loss:.3f}")


if __name__ == "__main__":
    main()
