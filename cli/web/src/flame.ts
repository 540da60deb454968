// The flame graph: how many of the shown descriptors were opened below which frame. The outermost
// frame is at the top; a frame is as wide as the number of descriptors whose origin went through
// it.
//
// d3-flame-graph draws. What it does not have is here: keys (the graph is a tree to assistive
// technology), colours by who a frame belongs to, and the way back from a frame to its descriptors.
import flamegraph, { type FlameGraph, type FlameNode } from 'd3-flame-graph';
import { select } from 'd3-selection';
import { frameFunction, type Owner, type Report } from './report';
import { ownerName } from './stack_view';
import { byId, count, element, plainText } from './text';

interface Node {
  name: string;
  value: number;
  owner: Owner;
  children: Node[];
  index: Map<string, Node>;
  /** The origins that go through here, by Report.originPath. */
  paths: Set<string>;
  /** No frame: several narrow ones. */
  isBundle: boolean;
}

const CELL_HEIGHT = 20; // pixels
// Narrower than that nothing can be read or hit, and a thousand stacks of forty frames would be
// forty thousand elements; zooming makes them wide enough.
const LEAST_WIDTH = 3;

function makeNode(name: string, owner: Owner): Node {
  return {
    name,
    value: 0,
    owner,
    children: [],
    index: new Map(),
    paths: new Set(),
    isBundle: false,
  };
}

function child(parent: Node, name: string, owner: Owner): Node {
  const key = `${owner} ${name}`;
  let node = parent.index.get(key);
  if (node === undefined) {
    node = makeNode(name, owner);
    parent.index.set(key, node);
    parent.children.push(node);
  }
  return node;
}

// A thousand children of one frame would be a thousand slivers, of which none is drawn. Those that
// have less than a sixtieth of their parent's width each are bundled, where they are many.
const SLIVERS = 60;
const MANY = 20;
const BUNDLE = 40;

/** The widest child first; slivers in bundles behind them. */
function arrange(node: Node): void {
  node.children.sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1));
  const first = node.children.findIndex((one) => one.value * SLIVERS < node.value);
  const slivers = first < 0 ? [] : node.children.splice(first);
  node.children.forEach(arrange);
  slivers.forEach(arrange);
  if (slivers.length <= MANY) {
    node.children.push(...slivers);
    return;
  }
  for (let i = 0; i < slivers.length; i += BUNDLE) {
    const children = slivers.slice(i, i + BUNDLE);
    const bundle = makeNode(count(children.length, 'more frame'), 'app');
    bundle.isBundle = true;
    bundle.children = children;
    for (const one of children) {
      bundle.value += one.value;
      one.paths.forEach((path) => bundle.paths.add(path));
    }
    node.children.push(bundle);
  }
}

// Of a stack, the outermost ones; the agent keeps a third of that unless it is told otherwise. What
// draws and what arranges the tree goes down by recursion.
const MOST_DEEP = 1000;

/** The tree of all origins among the shown descriptors. */
export function originTree(report: Report, shown: Uint8Array, applicationOnly: boolean): Node {
  // Descriptors of one stack and call are one path of the tree.
  const paths = new Map<string, { stack: number; call: string; size: number }>();
  for (let row = 0; row < report.size; row++) {
    const stack = report.originStack(row);
    if (shown[row] !== 1 || stack < 0) continue;
    const key = report.originPath(row);
    const path = paths.get(key);
    if (path === undefined) paths.set(key, { stack, call: report.originName(row), size: 1 });
    else path.size++;
  }
  const root = makeNode('all', 'app');
  for (const [path, { stack, call, size }] of paths) {
    let node = root;
    const add = (): void => {
      node.value += size;
      node.paths.add(path);
    };
    add();
    for (const id of report.stack(stack).toReversed().slice(0, MOST_DEEP)) {
      const frame = report.frame(id);
      if (applicationOnly && frame.owner !== 'app') continue;
      node = child(node, frameFunction(frame), frame.owner);
      add();
    }
    node = child(node, `${call}()`, 'libc');
    add();
  }
  root.name = count(root.value, 'traced descriptor');
  root.isBundle = true;
  arrange(root);
  return root;
}

export class FlameView {
  private readonly root = byId('flame');
  private readonly line = byId('flame-line');
  private readonly only = byId('only-these') as HTMLButtonElement;
  private readonly reset = byId('reset-zoom') as HTMLButtonElement;
  private readonly applicationOnly = byId('application-only') as HTMLInputElement;
  private shown: Uint8Array = new Uint8Array(0);
  private graph: FlameGraph<Node> | undefined;
  private tree: Node | undefined;
  private zoomed: FlameNode<Node> | undefined;
  private focused: FlameNode<Node> | undefined;
  private isStale = true;

  constructor(
    private readonly report: Report,
    onlyThese: (paths: ReadonlySet<string>, name: string) => void,
  ) {
    this.only.addEventListener('click', () => {
      const node = this.zoomed?.data;
      if (node !== undefined) onlyThese(node.paths, node.name);
    });
    this.reset.addEventListener('click', () => this.resetZoom());
    this.applicationOnly.addEventListener('change', () => this.rebuild());
    this.root.addEventListener('keydown', (event) => this.onKey(event));
    this.root.addEventListener('focusin', (event) => {
      const frame = (event.target as Element).closest('g.frame');
      if (frame !== null) this.focus(select<Element, FlameNode<Node>>(frame).datum(), false);
    });
    let width = 0;
    new ResizeObserver(() => {
      if (this.root.clientWidth === width || this.root.clientWidth === 0) return;
      width = this.root.clientWidth;
      if (!this.isStale) this.rebuild();
    }).observe(this.root);
  }

  /** New descriptors; drawn when the graph is in sight. */
  filter(shown: Uint8Array): void {
    this.shown = shown;
    this.isStale = true;
    if (this.root.offsetParent !== null) this.rebuild();
  }

  /** The graph came into sight. */
  appear(): void {
    if (this.isStale) this.rebuild();
  }

  private rebuild(): void {
    this.isStale = false;
    this.zoomed = undefined;
    this.focused = undefined;
    this.root.replaceChildren();
    this.tree = originTree(this.report, this.shown, this.applicationOnly.checked);
    this.showLine(undefined);
    if (this.tree.value === 0) {
      this.graph = undefined;
      this.root.append(
        element('p', { class: 'empty' }, 'Nobody saw who opened the descriptors that are shown.'),
      );
      return;
    }
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.graph = flamegraph<Node>()
      .width(this.root.clientWidth)
      .cellHeight(CELL_HEIGHT)
      .inverted(true)
      .minFrameSize(LEAST_WIDTH)
      .transitionDuration(still ? 0 : 200)
      .resetHeightOnZoom(true)
      .getName((node) => plainText(node.data.name))
      .label((node) => `${plainText(node.data.name)}: ${this.share(node.data)}`)
      .setColorMapper((node) =>
        node.data.isBundle ? 'var(--raised)' : `var(--flame-${node.data.owner})`,
      )
      .setDetailsHandler(() => undefined)
      .onHover((node) => this.showLine(node))
      .onClick((node) => this.onZoom(node));
    select(this.root).datum(this.tree).call(this.graph);
    this.dress();
  }

  private share(node: Node): string {
    const all = this.tree?.value ?? 1;
    return `${count(node.value, 'descriptor')}, ${((100 * node.value) / all).toFixed(1)} %`;
  }

  private title(node: Node): string {
    const name = plainText(node.name);
    return node.isBundle ? name : `${name} (${ownerName(node.owner)})`;
  }

  /** What d3-flame-graph does not say of its elements. */
  private dress(): void {
    const svg = this.root.querySelector('svg');
    svg?.setAttribute('role', 'none');
    svg?.querySelector('text.title')?.remove();
    const stop = this.focused ?? this.zoomed;
    let hasStop = false;
    const frames = [...this.root.querySelectorAll<SVGGElement>('g.frame')];
    for (const frame of frames) {
      const node = select<SVGGElement, FlameNode<Node>>(frame).datum();
      frame.setAttribute('role', 'treeitem');
      frame.setAttribute('aria-level', String(node.depth + 1));
      frame.setAttribute('aria-selected', String(node === this.zoomed));
      const isStop = node === stop;
      hasStop ||= isStop;
      frame.setAttribute('tabindex', isStop ? '0' : '-1');
      frame.classList.toggle('bundle', node.data.isBundle);
      frame.querySelector('foreignObject')?.setAttribute('aria-hidden', 'true');
    }
    if (!hasStop) frames[0]?.setAttribute('tabindex', '0');
  }

  private frameOf(node: FlameNode<Node>): SVGGElement | undefined {
    return (
      select(this.root)
        .selectAll<SVGGElement, FlameNode<Node>>('g.frame')
        .filter((one) => one === node)
        .node() ?? undefined
    );
  }

  private showLine(node: FlameNode<Node> | undefined): void {
    const shown = node ?? this.zoomed;
    this.line.textContent =
      shown === undefined
        ? 'Choose a frame to zoom into it.'
        : `${this.title(shown.data)}: ${this.share(shown.data)}`;
    const isZoomed = this.zoomed !== undefined && this.zoomed.parent !== null;
    this.only.hidden = !isZoomed;
    this.reset.hidden = !isZoomed;
    const size = this.zoomed?.data.value ?? 0;
    if (isZoomed)
      this.only.textContent =
        size === 1
          ? 'Show it in the table'
          : `Show these ${size.toLocaleString('en')} in the table`;
  }

  private onZoom(node: FlameNode<Node>): void {
    this.zoomed = node;
    this.dress();
    this.showLine(undefined);
  }

  private resetZoom(): void {
    this.graph?.resetZoom();
    const root = select<HTMLElement, FlameNode<Node>>(this.root).datum();
    this.focus(root, true);
  }

  private focus(node: FlameNode<Node> | undefined, move: boolean): void {
    if (node === undefined) return;
    this.focused = node;
    this.dress();
    this.showLine(node);
    if (move) this.frameOf(node)?.focus({ preventScroll: false });
  }

  private onKey(event: KeyboardEvent): void {
    const node = this.focused;
    if (node === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    const siblings = (node.parent?.children ?? [node]).filter(
      (one) => this.frameOf(one) !== undefined,
    );
    const at = siblings.indexOf(node);
    const inner = (node.children ?? []).filter((one) => this.frameOf(one) !== undefined);
    switch (event.key) {
      case 'ArrowUp':
        this.focus(node.parent ?? undefined, true);
        break;
      case 'ArrowDown':
        this.focus(inner[0], true);
        break;
      case 'ArrowLeft':
        this.focus(siblings[at - 1], true);
        break;
      case 'ArrowRight':
        this.focus(siblings[at + 1], true);
        break;
      case 'Enter':
      case ' ':
        this.graph?.zoomTo(node);
        this.focus(node, true);
        break;
      case 'Escape':
        this.resetZoom();
        break;
      default:
        return;
    }
    event.preventDefault();
  }
}
