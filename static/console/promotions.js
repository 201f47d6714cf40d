// Soak bars advance while the page is open.
(function () {
  "use strict";

  // The words are those of promotions/showing.py.
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  function brief(seconds) {
    let rest = seconds < 60 ? seconds : Math.ceil(seconds / 60) * 60;
    const parts = [];
    units.forEach(function (unit) {
      const count = Math.floor(rest / unit[0]);
      rest -= count * unit[0];
      if (count || parts.length) { parts.push([count, unit[1]]); }
    });
    return parts.slice(0, 2).filter(function (part) { return part[0]; })
      .map(function (part) { return part[0] + " " + part[1]; }).join(" ");
  }

  // Counted by the browser's own clock from the seconds that the page was drawn with: the wall
  // clocks of browser and server may differ.
  const ends = new WeakMap();

  function advance() {
    document.querySelectorAll("[data-soak-left]").forEach(function (soak) {
      if (!ends.has(soak)) { ends.set(soak, performance.now() + Number(soak.dataset.soakLeft) * 1000); }
      const left = Math.max(0, Math.ceil((ends.get(soak) - performance.now()) / 1000));
      const words = soak.querySelector(".soak-words");
      soak.querySelector("progress").value = Number(soak.dataset.soak) - left;
      if (left) {
        words.textContent = "soaking, " + brief(left) + " left";
      } else if (soak.dataset.soakLeft !== "0") {
        soak.dataset.soakLeft = "0";
        const again = document.createElement("a");
        again.href = window.location.href;
        again.textContent = "reload to go on";
        again.addEventListener("click", function (event) {
          event.preventDefault();
          window.location.reload();
        });
        words.replaceChildren("soak over: ", again);
      }
    });
  }
  setInterval(advance, 1000);
  advance();
  document.addEventListener("htmx:afterSettle", advance);
})();
