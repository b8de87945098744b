// format.mjs: numbers as the package prints them (fastnn/words.py), with a true minus sign.

const plain = (text) => text.replace(/-/g, "−");

/** Four significant digits: 0.1235, −12,350, 1.5e−09. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  const x = Number(value) + 0;
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "−inf";
  const size = Math.abs(x);
  if (x !== 0 && !(size >= 1e-4 && size < 1e6)) return plain(exponential(x, 3));
  if (size >= 1000) return plain(whole(Number(x.toPrecision(4))));
  return plain(String(Number(x.toPrecision(4))));
}

function exponential(x, digits) {
  const [mantissa, power] = x.toExponential(digits).split("e");
  const size = power.slice(1).padStart(2, "0");
  return `${String(Number(mantissa))}e${power[0]}${size}`;
}

/** A whole number with commas. */
export function whole(value) {
  return plain(Math.round(Number(value)).toLocaleString("en-US"));
}

/** Two significant digits below 10, else at most four: for narrow places. */
export function brief(value, digits = 2) {
  const x = Number(value) + 0;
  const size = Math.abs(x);
  if (size >= 10 && size < 1e6) return plain(Number(x.toPrecision(4)).toLocaleString("en-US"));
  if (x !== 0 && size < 1e-3) return plain(exponential(x, digits - 1));
  return size >= 1e6 ? plain(exponential(x, digits - 1)) : plain(String(Number(x.toPrecision(digits))));
}

/** An activation in at most four characters, or three if it must be short, to stand in its neuron. */
export function circled(value, short = false) {
  const x = Number(value);
  const size = Math.abs(x);
  let text = x.toFixed(size >= 9.995 ? 0 : x <= -0.995 || (short && size >= 0.995) ? 1 : 2);
  if (Number(text) === 0) text = "0";
  if (text.length > 5) text = x.toExponential(0).replace("e+", "e");
  return plain(text.length > 4 || short ? text.replace("0.", ".") : text);
}

/** A number with its sign, also of positive ones: +0.2013. */
export function signed(value) {
  return Number(value) > 0 ? `+${number(value)}` : number(value);
}

/** A negative number in parentheses, as a factor or summand is written. */
export function bracketed(value) {
  return Number(value) < 0 ? `(${number(value)})` : number(value);
}

/** "1 epoch", "4,000 epochs". */
export function plural(n, noun) {
  return Number(n) === 1 ? `1 ${noun}` : `${whole(n)} ${noun}s`;
}

/** A share in percent: 98.2%. */
export function percent(share, digits = 1) {
  return plain(`${(100 * Number(share)).toFixed(digits)}%`);
}

/** A text with a capital first letter. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
