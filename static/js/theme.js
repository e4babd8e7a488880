// Light, dark or as the system says. The choice is a cookie, so that the server renders <html data-theme> and nothing flashes.
(() => {
  const root = document.documentElement;
  root.dataset.script = "";

  const show = () => {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === (root.dataset.theme || "system")));
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    const choice = button.dataset.themeChoice;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    if (choice === "system") {
      delete root.dataset.theme;
      document.cookie = `pq_theme=; Path=/; Max-Age=0; SameSite=Lax${secure}`;
    } else {
      root.dataset.theme = choice;
      document.cookie = `pq_theme=${choice}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    }
    show();
  });

  show();
})();
