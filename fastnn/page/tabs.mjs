// tabs.mjs: the tabs in their order, by their names in the address.

import { create as draw } from "fastnn/tab-draw.mjs";
import { create as backprop } from "fastnn/tab-backprop.mjs";

export const TABS = { draw, backprop };
