// Ways to make and change elements. Whatever a worker says reaches the page as text or as the value of a harmless
// attribute, never as markup: nothing here, or anywhere in these scripts, parses HTML.

const svgNamespace = "http://www.w3.org/2000/svg";

// el makes an HTML element with a class and a text, both optional, and children.
export function el(tag, className, text, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

// svg makes an SVG element with attributes and children.
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// setText changes the text of a node only where it differs, so that a selection in it lasts.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// setAttribute changes an attribute only where it differs; null takes it away.
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function byId(id) {
  return document.getElementById(id);
}
