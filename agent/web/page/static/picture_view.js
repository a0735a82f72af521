// A picture with what is known of it and planned for it: boxes to pick, drag and resize, a place to draw, a slider.
// Boxes are [x, y, w, h] in [0, 1] of the picture. Everything shown comes as props and nothing is rendered as HTML.
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const LEAST = 0.02; // the smallest side of a box
const STEP = 0.01; // one press of an arrow key
const MIDDLE = [0.35, 0.35, 0.3, 0.3];
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const CORNERS = ["nw", "ne", "sw", "se"];

export default {
  template: `
    <figure class="pv" :style="{ aspectRatio: width + ' / ' + height, '--ratio': width / height }" :data-tool="tool">
      <img class="pv-picture" :src="src" :alt="alt" draggable="false" />
      <template v-if="before">
        <img class="pv-picture pv-before" :src="before" alt="" :style="{ clipPath: 'inset(0 ' + (100 - split) + '% 0 0)' }" draggable="false" />
        <i class="pv-split" :style="{ left: split + '%' }"></i>
        <input class="pv-slider" type="range" min="0" max="100" v-model.number="split" aria-label="Show more of the picture before or after" />
        <span class="pv-tag left">before</span><span class="pv-tag right">after</span>
      </template>
      <template v-else>
        <i v-for="url in overlays" class="pv-overlay" :style="{ maskImage: 'url(' + JSON.stringify(url) + ')' }"></i>
        <svg v-if="moves.length" class="pv-lines" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <line v-for="line in moves" v-bind="line" vector-effect="non-scaling-stroke" />
        </svg>
        <div ref="surface" class="pv-surface" v-bind="byKeys" @keydown.enter="middle" @pointerdown="begin" @pointermove="draw" @pointerup="end" @pointercancel="end"></div>
        <canvas v-show="tool === 'paint' || painted" ref="canvas" class="pv-paint" :width="paintSize[0]" :height="paintSize[1]" aria-hidden="true"></canvas>
        <button v-if="showObjects" v-for="one in bySize" :key="one.id" type="button" class="pv-object" :class="{ lit: lit.includes(one.id), picked: picked === one.id }"
          :style="place(one.box, one.hue)" :aria-label="'Pick ' + one.label" :tabindex="tool === 'pick' ? 0 : -1" @click="$emit('pick', { id: one.id })">
          <span class="pv-label" :class="side(one.box)">{{ one.label }}</span>
        </button>
        <div v-if="marks.length" class="pv-marks"><div v-for="one in marks" class="pv-mark" :class="one.tone" :style="place(one.box)"></div></div>
        <div v-for="one in plan" :key="'old' + one.number" v-show="one.old" class="pv-old" :class="one.op" :style="one.old ? place(one.old) : {}"></div>
        <div v-for="one in editable" :key="one.key" class="pv-plan" :class="[one.op, { fixed: !one.editable }]" :style="place(boxOf(one))"
          :tabindex="one.editable ? 0 : -1" :role="one.editable ? 'application' : 'img'"
          :aria-label="one.label + (one.editable ? '. Arrow keys move it, with Shift they resize it.' : '')"
          @pointerdown="grab($event, one, 'move')" @pointermove="drag" @pointerup="drop" @pointercancel="drop" @keydown="nudge($event, one)">
          <span class="pv-label" :class="side(boxOf(one))">{{ one.label }}</span>
          <i v-if="one.editable" v-for="corner in corners" :key="corner" class="pv-handle" :class="corner"
            @pointerdown.stop="grab($event, one, corner)" @pointermove.stop="drag" @pointerup.stop="drop" @pointercancel.stop="drop"></i>
        </div>
      </template>
    </figure>`,
  props: {
    src: String, before: String, alt: String, width: Number, height: Number, tool: String, picked: String, where: Array,
    objects: Array, showObjects: Boolean, lit: Array, marks: Array, overlays: Array, plan: Array,
  },
  emits: ["pick", "where", "plan"],
  data: () => ({ split: 50, corners: CORNERS, held: null, moved: {}, drawn: null, painted: false }),
  computed: {
    // small boxes come last, so that an object in front of a larger one can be picked
    bySize() { return [...this.objects].sort((a, b) => b.box[2] * b.box[3] - a.box[2] * a.box[3]); },
    editable() {
      const place = this.drawn || this.where;
      const here = place ? [{ key: "where", op: "where", label: "here", box: place, editable: true }] : [];
      return [...this.plan.filter((one) => one.box).map((one) => ({ ...one, key: "plan" + one.number })), ...here];
    },
    moves() {
      const centre = ([x, y, w, h]) => [100 * (x + w / 2), 100 * (y + h / 2)];
      return this.plan.filter((one) => one.old && one.box && one.op === "move").map((one) => {
        const [[x1, y1], [x2, y2]] = [centre(one.old), centre(this.boxOf({ ...one, key: "plan" + one.number }))];
        return { x1, y1, x2, y2 };
      });
    },
    byKeys() {
      return this.tool === "pick" ? {} : { tabindex: 0, role: "application", "aria-label": "Press Enter for a box in the middle" };
    },
    paintSize() {
      const scale = 512 / Math.max(this.width, this.height);
      return [Math.round(this.width * scale), Math.round(this.height * scale)];
    },
  },
  watch: {
    plan() { this.moved = {}; },
    where(box) { this.drawn = null; delete this.moved.where; if (!box) this.wipe(); },
    src() { this.wipe(); },
  },
  methods: {
    place([x, y, w, h], hue) {
      const style = { left: 100 * x + "%", top: 100 * y + "%", width: 100 * w + "%", height: 100 * h + "%" };
      return hue === undefined ? style : { ...style, "--hue": hue };
    },
    side([x, y, w]) { return { below: y < 0.07, right: x + w / 2 > 0.6 }; },
    boxOf(one) { return this.moved[one.key] || one.box; },
    at(event) {
      const area = this.$refs.surface.getBoundingClientRect();
      return [clamp((event.clientX - area.left) / area.width, 0, 1), clamp((event.clientY - area.top) / area.height, 0, 1)];
    },
    changed(one, box) {
      if (one.key === "where") this.$emit("where", { box });
      else this.$emit("plan", { number: one.number, box });
    },
    // -- dragging a box that is there
    grab(event, one, how) {
      if (!one.editable || event.button) return;
      event.preventDefault();
      event.currentTarget.setPointerCapture(event.pointerId);
      (event.currentTarget.closest(".pv-plan") || event.currentTarget).focus();
      this.held = { one, how, from: this.at(event), box: [...this.boxOf(one)] };
    },
    drag(event) {
      if (!this.held) return;
      const { one, how, from, box } = this.held, [px, py] = this.at(event);
      this.moved = { ...this.moved, [one.key]: this.shifted(box, how, px - from[0], py - from[1]) };
    },
    drop() {
      if (!this.held) return;
      const { one } = this.held, box = this.moved[one.key];
      this.held = null;
      if (box) this.changed(one, box);
    },
    nudge(event, one) {
      const step = KEYS[event.key];
      if (!step || !one.editable) return;
      event.preventDefault();
      event.stopPropagation();
      const box = this.shifted(this.boxOf(one), event.shiftKey ? "se" : "move", step[0] * STEP, step[1] * STEP);
      this.moved = { ...this.moved, [one.key]: box };
      this.changed(one, box);
    },
    shifted([x, y, w, h], how, dx, dy) {
      if (how === "move") return [clamp(x + dx, 0, 1 - w), clamp(y + dy, 0, 1 - h), w, h];
      let [x0, y0, x1, y1] = [x, y, x + w, y + h];
      if (how.includes("w")) x0 = clamp(x0 + dx, 0, x1 - LEAST);
      if (how.includes("e")) x1 = clamp(x1 + dx, x0 + LEAST, 1);
      if (how.includes("n")) y0 = clamp(y0 + dy, 0, y1 - LEAST);
      if (how.includes("s")) y1 = clamp(y1 + dy, y0 + LEAST, 1);
      return [x0, y0, x1 - x0, y1 - y0];
    },
    // -- saying where with a new box or a brush
    begin(event) {
      if (event.button || this.tool === "pick") return;
      event.preventDefault();
      event.currentTarget.setPointerCapture(event.pointerId);
      this.held = { start: this.at(event), last: this.at(event) };
      if (this.tool === "paint") this.stroke(event);
    },
    draw(event) {
      if (!this.held?.start) return;
      if (this.tool === "paint") return this.stroke(event);
      const [[x0, y0], [x1, y1]] = [this.held.start, this.at(event)];
      this.drawn = [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
    },
    end() {
      if (!this.held?.start) return;
      this.held = null;
      const box = this.tool === "paint" ? this.paintedBox() : this.drawn;
      if (box && box[2] >= LEAST && box[3] >= LEAST) this.$emit("where", { box, drawn: true });
      else this.drawn = null;
    },
    middle() {
      if (this.tool === "pick") return;
      this.$emit("where", { box: MIDDLE });
      setTimeout(() => this.$el.querySelector(".pv-plan.where")?.focus(), 100); // it is there when the server has it
    },
    stroke(event) {
      const pen = this.$refs.canvas.getContext("2d"), [w, h] = this.paintSize, [x0, y0] = this.held.last, [x1, y1] = this.at(event);
      Object.assign(pen, { lineWidth: Math.max(w, h) / 14, lineCap: "round", strokeStyle: "#6d5efc" });
      pen.beginPath();
      pen.moveTo(x0 * w, y0 * h);
      pen.lineTo(x1 * w + 0.01, y1 * h);
      pen.stroke();
      this.held.last = [x1, y1];
      this.painted = true;
    },
    paintedBox() {
      const [w, h] = this.paintSize, pixels = this.$refs.canvas.getContext("2d").getImageData(0, 0, w, h).data;
      let [x0, y0, x1, y1] = [w, h, 0, 0];
      for (let at = 0; at < w * h; at++) {
        if (!pixels[4 * at + 3]) continue;
        const x = at % w, y = (at - x) / w;
        [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
      }
      return x1 ? [x0 / w, y0 / h, (x1 - x0) / w, (y1 - y0) / h] : null;
    },
    wipe() {
      this.painted = false;
      this.$refs.canvas?.getContext("2d").clearRect(0, 0, ...this.paintSize);
    },
  },
};
