// Traces: one instance is one column of one lane. All positions are physical pixels of the screen.

struct Lane {
    screen: vec2<f32>,
    x_scale: f32,
    x_offset: f32,
    y_scale: f32,
    y_offset: f32,
    half_line: f32,
    radius: f32,
    exact: vec4<f32>,      // premultiplied, gamma
    estimate: vec4<f32>,
    mark: vec4<f32>,
    cut: vec4<f32>,        // top and bottom of what the lane may cover, height of the mark of what is beyond
}

@group(0) @binding(0) var<uniform> lane: Lane;

const EXACT: u32 = 1u;
const JOINED: u32 = 2u;

struct Column {
    @builtin(vertex_index) corner: u32,
    @location(0) span: vec2<f32>,
    @location(1) flags: u32,
    @location(2) next_span: vec2<f32>,
    @location(3) next_flags: u32,
    @location(4) before: vec2<f32>,
    @location(5) value: vec2<f32>,
    @location(6) after: vec2<f32>,
    @location(7) previous_span: vec2<f32>,
    @location(8) previous_flags: u32,
}

struct Fragment {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(flat) color: vec4<f32>,
    // Of a bar: top and bottom, left and right. Of a line: its two ends.
    @location(1) @interpolate(flat) shape: vec4<f32>,
    @location(2) @interpolate(flat) radius: f32,
    // Rows above the first and below the second have the colour of the mark.
    @location(3) @interpolate(flat) cut: vec2<f32>,
    @location(4) @interpolate(flat) mark: vec4<f32>,
}

const NO_CUT: vec2<f32> = vec2<f32>(-1e6, 1e6);

fn nowhere() -> Fragment {
    var out: Fragment;
    out.position = vec4<f32>(-2.0, -2.0, 0.0, 1.0);
    out.color = vec4<f32>(0.0);
    out.shape = vec4<f32>(0.0);
    out.radius = 0.0;
    out.cut = NO_CUT;
    out.mark = vec4<f32>(0.0);
    return out;
}

fn placed(pixel: vec2<f32>) -> vec4<f32> {
    let unit = pixel / lane.screen;
    return vec4<f32>(unit.x * 2.0 - 1.0, 1.0 - unit.y * 2.0, 0.0, 1.0);
}

// A strip of two triangles.
fn corner_of(index: u32) -> vec2<f32> {
    return vec2<f32>(f32(index & 1u), f32(index >> 1u));
}

fn color_of(flags: u32) -> vec4<f32> {
    if (flags & EXACT) != 0u {
        return lane.exact;
    }
    return lane.estimate;
}

fn pixel_of(tick: f32) -> f32 {
    return floor(tick * lane.x_scale + lane.x_offset);
}

fn cut_rows(over: bool, under: bool) -> vec2<f32> {
    let top = select(NO_CUT.x, lane.cut.x + lane.cut.z, over);
    return vec2<f32>(top, select(NO_CUT.y, lane.cut.y - lane.cut.z, under));
}

@vertex
fn vs_bar(in: Column) -> Fragment {
    var low = in.value.x;
    var high = in.value.y;
    if low > high {
        return nowhere();
    }
    let before = (in.flags & JOINED) != 0u && in.before.x <= in.before.y;
    let after = (in.next_flags & JOINED) != 0u && in.after.x <= in.after.y;
    if after {
        // The hole between this column and the next one is this one's to fill.
        low = min(low, in.after.y);
        high = max(high, in.after.x);
    }
    // The pixel of the first tick, and all up to that of the next column.
    var left = pixel_of(in.span.x);
    var right = max(pixel_of(in.span.y), left + 1.0);
    var flags = in.flags;
    var whole_rows = false;
    // Two columns in one pixel are drawn as one, by the second: drawn over each other, their soft edges would add up,
    // and a flat line would be mottled.
    if after && pixel_of(in.next_span.x) == left {
        if pixel_of(in.next_span.y) > left {
            return nowhere();
        }
        // Three or more (columns of a closer view, until new ones come): all but the last two in whole rows.
        whole_rows = true;
    }
    if before && pixel_of(in.previous_span.x) == left {
        low = min(low, in.before.x);
        high = max(high, in.before.y);
        flags = flags & (in.previous_flags | JOINED);
    }
    // At least as wide as a line; whole rows only beyond its own pixels, where a neighbour's soft edges are.
    let own = vec2<f32>(left, right);
    let extra = max(round(2.0 * lane.half_line) - (right - left), 0.0);
    left = left - floor(extra * 0.5);
    right = right + extra - floor(extra * 0.5);
    left = clamp(left, -64.0, lane.screen.x + 64.0);
    right = clamp(right, -64.0, lane.screen.x + 64.0);

    let a = low * lane.y_scale + lane.y_offset;
    let b = high * lane.y_scale + lane.y_offset;
    var top = min(a, b) - lane.half_line;
    var bottom = max(a, b) + lane.half_line;
    // What is farther than the lane may reach is cut, and the cut is marked; what lies beyond altogether is a mark.
    let over = min(a, b) < lane.cut.x;
    let under = max(a, b) > lane.cut.y;
    if over {
        top = lane.cut.x;
        bottom = max(bottom, lane.cut.x + lane.cut.z);
    }
    if under {
        bottom = lane.cut.y;
        top = min(top, lane.cut.y - lane.cut.z);
    }
    top = clamp(top, -64.0, lane.screen.y + 64.0);
    bottom = clamp(bottom, -64.0, lane.screen.y + 64.0);
    if whole_rows {
        top = round(top);
        bottom = max(round(bottom), top + 1.0);
    }

    let corner = corner_of(in.corner);
    var out: Fragment;
    out.position = placed(vec2<f32>(select(left, right, corner.x > 0.5), select(floor(top), ceil(bottom), corner.y > 0.5)));
    out.color = color_of(flags);
    out.shape = vec4<f32>(top, bottom, own);
    out.radius = 0.0;
    out.cut = cut_rows(over, under);
    out.mark = lane.mark;
    return out;
}

fn capsule(a: vec2<f32>, b: vec2<f32>, radius: f32, index: u32, color: vec4<f32>) -> Fragment {
    let along = b - a;
    let distance = length(along);
    var forward = vec2<f32>(1.0, 0.0);
    if distance > 0.001 {
        forward = along / distance;
    }
    let aside = vec2<f32>(-forward.y, forward.x);
    let reach = radius + 1.0;
    let corner = corner_of(index);
    var middle = a - forward * reach;
    if corner.x > 0.5 {
        middle = b + forward * reach;
    }
    var out: Fragment;
    out.position = placed(middle + aside * reach * (corner.y * 2.0 - 1.0));
    out.color = color;
    out.shape = vec4<f32>(a, b);
    out.radius = radius;
    out.cut = NO_CUT;
    out.mark = lane.mark;
    return out;
}

fn sample_at(span: vec2<f32>, value: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(span.x * lane.x_scale + lane.x_offset, value.x * lane.y_scale + lane.y_offset);
}

// From this sample to the next; a point where there is none, so that a lone sample shows.
@vertex
fn vs_line(in: Column) -> Fragment {
    if in.value.x > in.value.y {
        return nowhere();
    }
    let a = sample_at(in.span, in.value);
    var b = a;
    if (in.next_flags & JOINED) != 0u && in.after.x <= in.after.y {
        b = sample_at(in.next_span, in.after);
    }
    let top = lane.cut.x + lane.half_line;
    let bottom = lane.cut.y - lane.half_line;
    let color = color_of(in.flags);
    if max(a.y, b.y) < top || min(a.y, b.y) > bottom {
        // All of it beyond: a mark along the edge.
        let y = select(bottom, top, max(a.y, b.y) < top);
        return capsule(vec2<f32>(a.x, y), vec2<f32>(b.x, y), lane.half_line, in.corner, lane.mark);
    }
    let over = min(a.y, b.y) < lane.cut.x;
    let under = max(a.y, b.y) > lane.cut.y;
    var out = capsule(cut_end(a, b, top, bottom), cut_end(b, a, top, bottom), lane.half_line, in.corner, color);
    out.cut = cut_rows(over, under);
    return out;
}

// The end `a` of a line, moved along it to where it enters the rows from `top` to `bottom`.
fn cut_end(a: vec2<f32>, b: vec2<f32>, top: f32, bottom: f32) -> vec2<f32> {
    let edge = clamp(a.y, top, bottom);
    if edge == a.y || abs(b.y - a.y) < 0.001 {
        return a;
    }
    return a + (b - a) * ((edge - a.y) / (b.y - a.y));
}

@vertex
fn vs_dot(in: Column) -> Fragment {
    if in.value.x > in.value.y {
        return nowhere();
    }
    let a = sample_at(in.span, in.value);
    if a.y < lane.cut.x || a.y > lane.cut.y {
        return nowhere();
    }
    return capsule(a, a, lane.radius, in.corner, color_of(in.flags));
}

fn ink(in: Fragment) -> vec4<f32> {
    let y = in.position.y;
    if y < in.cut.x || y > in.cut.y {
        // Dashed, so that it is told from a trace by more than its colour.
        return select(in.mark, in.color, fract(in.position.x / 8.0) < 0.4);
    }
    return in.color;
}

// How much of the pixel's height the bar covers: rows are smooth, columns are whole pixels.
fn bar_color(in: Fragment) -> vec4<f32> {
    let x = in.position.x;
    let y = in.position.y;
    var cover = clamp(min(y + 0.5, in.shape.y) - max(y - 0.5, in.shape.x), 0.0, 1.0);
    if x < in.shape.z || x > in.shape.w {
        cover = floor(cover + 0.001);
    }
    return ink(in) * cover;
}

fn line_color(in: Fragment) -> vec4<f32> {
    let along = in.shape.zw - in.shape.xy;
    let from_a = in.position.xy - in.shape.xy;
    let share = clamp(dot(from_a, along) / max(dot(along, along), 0.000001), 0.0, 1.0);
    return ink(in) * clamp(in.radius + 0.5 - length(from_a - along * share), 0.0, 1.0);
}

fn linear_from_gamma(color: vec4<f32>) -> vec4<f32> {
    let low = color.rgb / 12.92;
    let high = pow((color.rgb + vec3<f32>(0.055)) / 1.055, vec3<f32>(2.4));
    return vec4<f32>(select(high, low, color.rgb < vec3<f32>(0.04045)), color.a);
}

@fragment
fn fs_bar(in: Fragment) -> @location(0) vec4<f32> {
    return bar_color(in);
}

@fragment
fn fs_line(in: Fragment) -> @location(0) vec4<f32> {
    return line_color(in);
}

// The same for a framebuffer that takes linear light.
@fragment
fn fs_bar_linear(in: Fragment) -> @location(0) vec4<f32> {
    return linear_from_gamma(bar_color(in));
}

@fragment
fn fs_line_linear(in: Fragment) -> @location(0) vec4<f32> {
    return linear_from_gamma(line_color(in));
}
