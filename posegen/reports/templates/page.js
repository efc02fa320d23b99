// Sorts and filters the galleries. Without it they stand as they were chosen.
for (const gallery of document.querySelectorAll(".gallery")) {
  const form = gallery.querySelector(".controls");
  const list = gallery.querySelector(".cards");
  const cards = [...list.children];
  const chosen = new Map(cards.map((card, place) => [card, place]));
  const values = new Map(cards.map((card) => [card, JSON.parse(card.dataset.values)]));
  const { sort, order, reason, cause, name } = form.elements;

  const compare = (a, b) => {
    if (order.value === "chosen") return chosen.get(a) - chosen.get(b);
    const [x, y] = [values.get(a)[sort.value], values.get(b)[sort.value]];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    const higher = sort.selectedOptions[0].dataset.better === "higher";
    const rising = higher === (order.value === "worst");
    return rising ? x - y : y - x;
  };

  const update = () => {
    const text = name.value.trim().toLowerCase();
    let shown = 0;
    for (const card of [...cards].sort(compare)) {
      card.hidden = (reason.value !== "" && card.dataset.reason !== reason.value) ||
        (cause && cause.value !== "" && !card.dataset.causes.split("; ").includes(cause.value)) ||
        !card.dataset.name.toLowerCase().includes(text);
      shown += !card.hidden;
      list.append(card);
    }
    form.querySelector("output").value = `${shown} of ${cards.length}`;
  };

  sort.addEventListener("change", () => {
    if (order.value === "chosen") order.value = "worst";
  });
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  update();
}

// Any picture, enlarged: a click or Enter opens it, the same or Escape closes it.
const dialog = document.querySelector("dialog");
const open = (picture) => {
  const large = new Image();
  large.src = picture.currentSrc || picture.src;
  large.alt = picture.alt;
  const caption = document.createElement("p");
  caption.className = "quiet";
  caption.textContent = picture.alt;
  dialog.replaceChildren(large, caption);
  dialog.showModal();
};
for (const picture of document.querySelectorAll(".lead img, .card img, .strip img")) {
  picture.classList.add("zoom");
  picture.tabIndex = 0;
  picture.setAttribute("role", "button");
  picture.addEventListener("click", () => open(picture));
  picture.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open(picture);
  });
}
dialog.addEventListener("click", () => dialog.close());
