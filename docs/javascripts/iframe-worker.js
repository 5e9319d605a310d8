// Search in pages that are opened from a disk: browsers start no worker of a file, so its script runs in a hidden frame.
// The name keeps Zensical from loading a program of that purpose from the network.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = this.onerror = null;
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inner = this.frame.contentWindow;
      inner.postMessage = (data) => this.later(data, (copy) => this.receive(copy));
      const script = inner.document.createElement("script");
      script.src = new URL(url, location.href).href;
      script.onload = () => {
        this.ready = true;
        this.waiting.splice(0).forEach((data) => this.postMessage(data));
      };
      script.onerror = (event) => this.onerror?.(event);
      inner.document.head.append(script);
    }

    receive(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    }

    postMessage(data) {
      if (!this.ready) {
        this.waiting.push(data);
        return;
      }
      const { contentWindow } = this.frame;
      this.later(data, (copy) => contentWindow.dispatchEvent(new MessageEvent("message", { data: copy })));
    }

    // Messages are copies, and come when the sender is done.
    later(data, send) {
      const copy = structuredClone(data);
      setTimeout(() => send(copy));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
