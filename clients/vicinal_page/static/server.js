// The page's own server: JSON both ways, and a stream of events.

export class Refused extends Error {
  constructor(status, reason, message) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export function ask(path, fields = {}) {
  return answered(fetch(`${path}?${new URLSearchParams(fields)}`, { headers: { accept: "application/json" } }));
}

export function tell(path, body) {
  return answered(
    fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  );
}

async function answered(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Refused(0, "NO_ANSWER", "The page's server does not answer. Is it still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body.reason ?? "FAILED", body.message ?? response.statusText);
  return body;
}

/** Listen to a dataset; the browser comes back by itself when the stream breaks. Returns how to stop. */
export function listen(dataset, annotator, { event, lost }) {
  const source = new EventSource(`/api/events?${new URLSearchParams({ dataset, annotator })}`);
  source.onmessage = (message) => event(JSON.parse(message.data));
  let again = 0;
  source.onerror = () => {
    lost();
    // A refused stream is not opened again by the browser.
    if (source.readyState === EventSource.CLOSED) again = setTimeout(() => { stop = listen(dataset, annotator, { event, lost }); }, 2000);
  };
  let stop = () => {
    clearTimeout(again);
    source.close();
  };
  return () => stop();
}

export function imageAddress(dataset, id, size) {
  return `/api/image?${new URLSearchParams({ dataset, id, size })}`;
}
