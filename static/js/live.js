// What a swap would lose or leave unsaid: open details, scroll positions, what changed, what to announce, a lost connection.
(() => {
  const root = document.documentElement;
  const seen = new Map(); // element of a region -> before the swap: {open, scrolled, texts}

  const say = (text) => {
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = text;
  };

  const texts = (region) => new Map([...region.querySelectorAll("[data-fresh]")].map((e) => [e.dataset.fresh, e.textContent]));

  document.addEventListener("pq:say", (event) => say(event.detail));

  document.addEventListener("htmx:beforeSwap", (event) => {
    const region = event.detail.target;
    if (!event.detail.shouldSwap || !region.id) return;
    seen.set(region.id, {
      open: [...region.querySelectorAll("details[id][open]")].map((e) => e.id),
      scrolled: [...region.querySelectorAll("[id][data-keep-scroll]")].map((e) => [e.id, e.scrollTop]),
      texts: texts(region),
    });
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const region = event.detail.elt;
    const before = region.id && seen.get(region.id);
    if (before) {
      seen.delete(region.id);
      for (const id of before.open) document.getElementById(id)?.setAttribute("open", "");
      for (const [id, top] of before.scrolled) {
        const element = document.getElementById(id);
        if (element) element.scrollTop = top;
      }
      for (const element of region.querySelectorAll("[data-fresh]")) {
        if (before.texts.get(element.dataset.fresh) !== element.textContent) element.classList.add("is-fresh");
      }
    }
    const announcement = region.matches("[data-announce]") ? region : region.querySelector("[data-announce]");
    if (announcement) say(announcement.dataset.announce);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.elt.matches("[data-live-region]")) return;
    root.dataset.live = event.detail.successful ? "on" : "lost";
  });
})();
