// tabs.mjs: the tabs in their order, by their names in the address.

import { create as draw } from "fastnn/tab-draw.mjs";
import { create as backprop } from "fastnn/tab-backprop.mjs";
import { create as batch } from "fastnn/tab-batch.mjs";
import { create as train } from "fastnn/tab-train.mjs";
import { create as walkers } from "fastnn/tab-walkers.mjs";
import { create as descend } from "fastnn/tab-descend.mjs";

export const TABS = { draw, backprop, batch, train, walkers, descend };
