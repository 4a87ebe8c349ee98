// A browser starts no worker for a page that was opened from the disk, and the search is one. There its script runs in a
// hidden frame instead, which has the same two ends: postMessage and the event "message".
if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.scope = new Promise((resolve) => {
        frame.addEventListener("load", () => {
          const scope = frame.contentWindow;
          scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = scope.document.createElement("script");
          script.src = url;
          script.addEventListener("load", () => resolve(scope));
          script.addEventListener("error", () => this.dispatchEvent(new ErrorEvent("error", { message: `No script ${url}` })));
          scope.document.body.append(script);
        }, { once: true });
      });
      document.body.append(frame);
    }

    async postMessage(data) {
      const scope = await this.scope;
      scope.dispatchEvent(new scope.MessageEvent("message", { data }));
    }

    terminate() {}
  };
}
