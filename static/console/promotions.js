// Soak bars advance while the page is open; a step is taken once, and keeps its place on the page.
(function () {
  "use strict";

  // The words are those of promotions/spans.py.
  const units = [[86400, "d", 2], [3600, "h", 1], [60, "min", 1], [1, "s", 1]];

  function brief(seconds) {
    let rest = seconds < 60 ? seconds : Math.ceil(seconds / 60) * 60;
    const parts = [];
    units.forEach(function (unit) {
      const whole = Math.floor(rest / unit[0]);
      const count = whole >= unit[2] ? whole : 0;
      rest -= count * unit[0];
      if (count || parts.length) { parts.push([count, unit[1]]); }
    });
    return parts.slice(0, 2).filter(function (part) { return part[0]; })
      .map(function (part) { return part[0] + " " + part[1]; }).join(" ");
  }

  // Counted by the browser's own clock from the seconds that the page was drawn with: the wall
  // clocks of browser and server may differ. The wall clock, since a laptop may sleep meanwhile.
  const ends = new WeakMap();

  function advance() {
    document.querySelectorAll("[data-soak-left]").forEach(function (soak) {
      if (!ends.has(soak)) { ends.set(soak, Date.now() + Number(soak.dataset.soakLeft) * 1000); }
      const left = Math.max(0, Math.ceil((ends.get(soak) - Date.now()) / 1000));
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

  // Where "Approve" was, the fresh row may have "Promote": the second click of a double click
  // would bring it to prod.
  const steps = "button.mark, button.promote, .field-steps button";

  document.addEventListener("click", function (event) {
    if (event.detail > 1 && event.target.closest(steps)) { event.preventDefault(); }
  }, true);

  // The button goes with the step that it took. What became of it gets the focus: it can be read,
  // the next Tab starts from there, and an Enter key that is held down does nothing.
  let left = null;

  document.addEventListener("htmx:beforeSwap", function (event) {
    const row = event.detail.target;
    left = row.contains(document.activeElement) && document.activeElement.matches(steps) ? row.id : null;
  });

  document.addEventListener("htmx:afterSettle", function () {
    const notice = left && document.querySelector("#" + left + " .row-notice");
    left = null;
    if (!notice || document.activeElement !== document.body) { return; }
    notice.tabIndex = -1;
    notice.focus();
  });

  // "Reject…" elsewhere leads to the form itself.
  const rejecting = document.getElementById("reject-box");
  if (rejecting && window.location.hash === "#reject") { rejecting.open = true; }
})();
