package org.fdorigin.apps.probes;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.MutableCallSite;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.fdorigin.apps.console.Console;

/**
 * Climbs down through random nestings of every way in which Java calls Java, and at the bottom
 * compares what the agent's stack walker sees ({@code --library=PATH}, which also asks JVMTI) with
 * a Throwable made there. To be run with {@code -XX:+ShowHiddenFrames}, or with {@code
 * --hidden=left-out} and without it; and with {@code -XX:MaxJavaStackTraceDepth} above what {@code
 * --depth} makes.
 */
public final class Spelunker {

  private static final int KINDS = 26;
  private static final AtomicInteger FRAMES = new AtomicInteger();
  private static final AtomicInteger HIDDEN = new AtomicInteger();
  private static final AtomicInteger FROZEN = new AtomicInteger();
  private static final AtomicInteger VIRTUAL = new AtomicInteger();
  private static final AtomicInteger SANDWICHES = new AtomicInteger();
  private static final List<String> WRONG = Collections.synchronizedList(new ArrayList<>());

  private static boolean leavesOutHidden;
  private static int sink;

  private Spelunker() {}

  /** One way down: which kind of passage follows which. */
  static final class Trip {
    final int[] plan;
    final boolean virtual;
    final boolean rests;
    int at;

    Trip(int[] plan, boolean virtual, boolean rests) {
      this.plan = plan;
      this.virtual = virtual;
      this.rests = rests;
    }
  }

  interface Passage {
    void pass(Trip trip);

    default void squeeze(Trip trip) {
      pass(trip);
      sink++;
    }
  }

  private static final class Crawl implements Passage {
    @Override
    public void pass(Trip trip) {
      on(trip);
      sink += 2;
    }
  }

  private static final class Climb implements Passage {
    @Override
    public void pass(Trip trip) {
      try {
        on(trip);
      } finally {
        sink += 3;
      }
    }
  }

  private static final class Slide implements Passage {
    private final int length;

    private Slide(int length) {
      this.length = length;
    }

    @Override
    public void pass(Trip trip) {
      on(trip);
      sink += length;
    }

    @Override
    public void squeeze(Trip trip) {
      synchronized (this) {
        on(trip);
      }
    }
  }

  /** Compiled code believes that it has one subclass, until another one is loaded. */
  abstract static class Lantern {
    abstract int shine(Trip trip);
  }

  static final class Candle extends Lantern {
    @Override
    int shine(Trip trip) {
      on(trip);
      return 1;
    }
  }

  static final class Torch extends Lantern {
    @Override
    int shine(Trip trip) {
      return 2;
    }
  }

  static final class Carbide extends Lantern {
    @Override
    int shine(Trip trip) {
      return 3;
    }
  }

  /**
   * Loaded anew, by a loader of its own, whenever it is entered: its initialiser goes on. The
   * method has another name each time, so that one that lies where an older one lay is told from
   * it.
   */
  static final class Cellar {
    static final int DEPTH;

    static {
      int deep = 0;
      for (int i = 0; i < Spelunker.steps; i++) {
        deep += tunnel0000(false);
      }
      DEPTH = deep + tunnel0000(true);
    }

    private Cellar() {}

    private static int tunnel0000(boolean on) {
      if (on) {
        fall();
      }
      return on ? 1 : 2;
    }
  }

  /** For the cellars, which are in other run-time packages. */
  public static void fall() {
    on(FALLING.get());
  }

  private static final ThreadLocal<Trip> FALLING = new ThreadLocal<>();

  private static final byte[] CELLAR = CellarLoader.bytesOf(Cellar.class);
  private static final int CELLAR_NUMBER =
      new String(CELLAR, ISO_8859_1).indexOf("tunnel0000") + "tunnel".length();
  private static final AtomicInteger CELLARS = new AtomicInteger();

  /** How often a cellar's tunnel is tried before it is used. */
  public static int steps;

  private static final Passage[] PASSAGES = {
    new Crawl(), new Climb(), new Slide(7), Spelunker::on, trip -> on(trip)
  };
  private static final Lantern LANTERN = new Candle();
  private static final String[] NOVELTIES = {"Torch", "Carbide"};

  private static final MutableCallSite SIGN =
      new MutableCallSite(MethodHandles.constant(int.class, 1));
  private static final MethodHandle READ_SIGN = SIGN.dynamicInvoker();
  private static final MethodHandle ON;
  private static final MethodHandle ON_BENT;
  private static final Method REFLECTED;
  private static final ThreadLocal<Trip> LIFTED = new ThreadLocal<>();

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      MethodType type = MethodType.methodType(void.class, Trip.class);
      ON = lookup.findStatic(Spelunker.class, "on", type);
      MethodHandle numbered =
          lookup.findStatic(
              Spelunker.class,
              "numbered",
              MethodType.methodType(int.class, int.class, Trip.class, long.class));
      ON_BENT =
          MethodHandles.filterReturnValue(
              MethodHandles.insertArguments(
                  MethodHandles.dropArguments(numbered, 1, String.class), 0, 5),
              lookup.findStatic(
                  Math.class, "negateExact", MethodType.methodType(int.class, int.class)));
      REFLECTED = Spelunker.class.getDeclaredMethod("on", Trip.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Apart, because the library must be there first. */
  private static final class Elevator {
    static final MethodHandle DOWN;

    static {
      try {
        MethodType type = MethodType.methodType(int.class, int.class);
        MethodHandle up = MethodHandles.lookup().findStatic(Spelunker.class, "lifted", type);
        DOWN = ForeignElevator.isThere() ? ForeignElevator.down("spelunker_lift", type, up) : null;
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }

    private Elevator() {}
  }

  private static int numbered(int number, Trip trip, long weight) {
    on(trip);
    return number + (int) weight;
  }

  static void on(Trip trip) {
    if (trip.at == trip.plan.length) {
      bottom(trip);
      return;
    }
    int kind = trip.plan[trip.at++];
    try {
      switch (kind) {
        case 0:
          plain(trip);
          break;
        case 1:
          recurse(trip, 1 + (trip.at * 7) % 5);
          break;
        case 2:
          locked(trip);
          break;
        case 3:
          lockedBlock(trip, trip.plan);
          break;
        case 4:
          PASSAGES[trip.at % PASSAGES.length].pass(trip);
          break;
        case 5:
          PASSAGES[trip.at % PASSAGES.length].squeeze(trip);
          break;
        case 6:
          lambda(trip);
          break;
        case 7:
          ON.invokeExact(trip);
          break;
        case 8:
          sink += (int) ON_BENT.invokeExact("bent", trip, 3L);
          break;
        case 9:
          REFLECTED.invoke(null, trip);
          break;
        case 10:
          shaft(new Rope(trip), trip.at % 4);
          break;
        case 11:
          caught(trip);
          break;
        case 12:
          loop(trip, 3000);
          break;
        case 13:
          cellar(trip);
          break;
        case 14:
          sink += signpost(trip);
          break;
        case 15:
          SIGN.setTarget(MethodHandles.constant(int.class, trip.at)); // a dead end, below
          break;
        case 16:
          sink += LANTERN.shine(trip);
          break;
        case 17:
          new Rope(trip, true);
          break;
        case 18:
          stream(trip);
          break;
        case 19:
          sink += (int) manyArguments(1, 2L, 3.0, trip, 4f, 5L, 6, 7.0, 8L, 9, 10L, 11L);
          break;
        case 20:
          ((Passage) proxy(trip)).pass(trip);
          break;
        case 21:
          new ConcurrentHashMap<Integer, Trip>().computeIfAbsent(kind, k -> hole(trip));
          break;
        case 22:
          sorted(trip);
          break;
        case 23:
          new Rope(trip).wideShaft(1L, 2.0, trip.at % 3);
          break;
        case 24:
          lift(trip);
          break;
        case 25:
          rest(trip);
          break;
        default:
          throw new AssertionError(kind);
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    if (kind == 15) {
      on(trip);
    }
  }

  private static void plain(Trip trip) {
    on(trip);
    sink++;
  }

  private static void recurse(Trip trip, int left) {
    if (left == 0) {
      on(trip);
    } else {
      recurse(trip, left - 1);
    }
    sink++;
  }

  private static synchronized void lockedForAll() {
    sink++;
  }

  private static void locked(Trip trip) {
    lockedForAll();
    new Slide(3).squeeze(trip);
  }

  private static void lockedBlock(Trip trip, Object lock) {
    synchronized (lock) {
      on(trip);
    }
  }

  private static void lambda(Trip trip) {
    Runnable deeper = () -> on(trip);
    IntFunction<Runnable> twice =
        number ->
            () -> {
              sink += number;
              deeper.run();
            };
    twice.apply(trip.at).run();
  }

  private static void caught(Trip trip) {
    try {
      fail(trip.at % 3);
    } catch (IllegalStateException e) {
      sink += e.getMessage().length();
      on(trip);
    } finally {
      sink++;
    }
  }

  private static void fail(int depth) {
    if (depth == 0) {
      throw new IllegalStateException("a stalactite");
    }
    fail(depth - 1);
  }

  /** Long enough to be compiled while it runs, and goes down from inside the loop. */
  private static void loop(Trip trip, int turns) {
    int sum = 0;
    for (int i = 0; i < turns; i++) {
      sum += i ^ sum << 1;
      if (i == turns - 1) {
        on(trip);
      }
    }
    sink += sum;
  }

  private static void cellar(Trip trip) throws ReflectiveOperationException {
    Trip outer = FALLING.get();
    FALLING.set(trip);
    try {
      Class.forName(
          Cellar.class.getName(), true, new CellarLoader(Cellar.class, renamedCellar()));
    } finally {
      FALLING.set(outer);
    }
  }

  private static byte[] renamedCellar() {
    byte[] renamed = CELLAR.clone();
    String digits = String.format("%04d", CELLARS.incrementAndGet() % 10_000);
    System.arraycopy(digits.getBytes(US_ASCII), 0, renamed, CELLAR_NUMBER, 4);
    return renamed;
  }

  private static int signpost(Trip trip) throws Throwable {
    int before = (int) READ_SIGN.invokeExact();
    on(trip);
    return before + (int) READ_SIGN.invokeExact();
  }

  private static void stream(Trip trip) {
    Stream.of(1).map(i -> i + 1).filter(i -> i > 0).forEach(i -> on(trip));
  }

  private static double manyArguments(
      int a, long b, double c, Trip trip, float d, long e, int f, double g, long h, int i, long j,
      long k) {
    on(trip);
    return a + b + c + d + e + f + g + h + i + j + k;
  }

  private static Object proxy(Trip trip) {
    return Proxy.newProxyInstance(
        Spelunker.class.getClassLoader(),
        new Class<?>[] {Passage.class},
        (self, method, arguments) -> {
          on((Trip) arguments[0]);
          return null;
        });
  }

  private static Trip hole(Trip trip) {
    on(trip);
    return trip;
  }

  private static void sorted(Trip trip) {
    boolean[] done = {false};
    Integer[] numbers = {3, 1, 2};
    Arrays.sort(
        numbers,
        (a, b) -> {
          if (!done[0]) {
            done[0] = true;
            on(trip);
          }
          return Integer.compare(a, b);
        });
  }

  /** What native code calls. */
  static final class Rope implements Runnable {
    private final Trip trip;

    Rope(Trip trip) {
      this.trip = trip;
    }

    Rope(Trip trip, boolean now) {
      this(trip);
      if (now) {
        on(trip);
      }
    }

    @Override
    public void run() {
      on(trip);
    }

    void wideShaft(long a, double b, int depth) {
      Spelunker.wideShaft(a, b, depth, this, 1L, 2L, 3f, 4.0, 5L, 6, this);
    }
  }

  /** Down through the foreign function interface and up again, where there is one. */
  private static void lift(Trip trip) throws Throwable {
    if (Elevator.DOWN == null) {
      shaft(new Rope(trip), 1);
      return;
    }
    Trip outer = LIFTED.get();
    LIFTED.set(trip);
    try {
      sink += (int) Elevator.DOWN.invokeExact(trip.at);
    } finally {
      LIFTED.set(outer);
    }
  }

  private static int lifted(int floor) {
    on(LIFTED.get());
    return floor;
  }

  /** Gives up the carrier thread, where there is one: what comes back may lie in the heap. */
  private static void rest(Trip trip) {
    if (trip.rests) {
      Thread.yield();
    }
    on(trip);
  }

  private static void bottom(Trip trip) {
    Throwable here = new Throwable();
    String seen = ((String[]) look())[0];
    check(trip, here.getStackTrace(), seen);
  }

  private static void check(Trip trip, StackTraceElement[] expected, String seen) {
    String[] lines = seen.split("\n", -1);
    boolean frozen = lines[1].equals("frozen");
    if (!lines[0].isEmpty()) {
      wrong(trip, lines[0]);
      return;
    }
    if (lines[2].equals("virtual") != trip.virtual) {
      wrong(trip, "the thread is said to be " + lines[2]);
    }
    List<String> frames = new ArrayList<>();
    for (String frame : Arrays.asList(lines).subList(4, lines.length - 1)) {
      boolean hidden = frame.startsWith("~");
      if (hidden) {
        HIDDEN.incrementAndGet();
      }
      if (!hidden || !leavesOutHidden) {
        frames.add(hidden ? frame.substring(1) : frame);
      }
    }
    if (frozen) {
      FROZEN.incrementAndGet();
      if (!trip.rests || !trip.virtual) {
        wrong(trip, "frozen without having rested");
      }
    }
    if (trip.virtual) {
      VIRTUAL.incrementAndGet();
    }
    if (Integer.parseInt(lines[3]) > 1) {
      SANDWICHES.incrementAndGet();
    }
    // Above the Throwable's frames is the native method; its caller is on another line there.
    String first = "org/fdorigin/apps/probes/Spelunker\tlook\tSpelunker.java\t-2";
    if (frames.isEmpty() || !frames.get(0).equals(first)) {
      wrong(trip, "the innermost frame is " + (frames.isEmpty() ? "none" : frames.get(0)));
      return;
    }
    int common = Math.min(frames.size() - 1, expected.length);
    for (int i = 0; i < common; i++) {
      String[] frame = frames.get(i + 1).split("\t", -1);
      StackTraceElement element = expected[i];
      String file = element.getFileName() == null ? "" : element.getFileName();
      if (!element.getClassName().equals(frame[0].replace('/', '.').replace('+', '/'))
          || !element.getMethodName().equals(frame[1])
          || !file.equals(frame[2])
          || (i > 0 && element.getLineNumber() != Integer.parseInt(frame[3]))) {
        wrong(trip, "frame " + i + " is " + element + ", not " + String.join(" ", frame));
        return;
      }
    }
    if (frozen ? frames.size() - 1 > expected.length : frames.size() - 1 != expected.length) {
      wrong(
          trip,
          expected.length
              + " frames are expected, "
              + (frames.size() - 1)
              + " were seen; the outermost is "
              + expected[expected.length - 1]
              + ", seen "
              + frames.get(frames.size() - 1));
    }
    FRAMES.addAndGet(common);
  }

  private static void wrong(Trip trip, String what) {
    WRONG.add(what);
    if (WRONG.size() <= 10) {
      System.err.println("wrong, after " + Arrays.toString(trip.plan) + ": " + what);
    }
  }

  /** Where compiled code has to give up an assumption while it is on the stack. */
  private static void surprise(int trip, int trips) {
    for (int i = 0; i < NOVELTIES.length; i++) {
      if (trip == trips * (i + 2) / 4) {
        try {
          Class.forName("org.fdorigin.apps.probes.Spelunker$" + NOVELTIES[i]);
        } catch (ClassNotFoundException e) {
          throw new AssertionError(e);
        }
      }
    }
  }

  private static void travel(long seed, int trips, int depth, boolean virtual, boolean rests) {
    Random random = new Random(seed);
    for (int trip = 0; trip < trips; trip++) {
      int[] plan = new int[1 + random.nextInt(depth)];
      // A few kinds at a time, so that each nesting is met often enough to be compiled.
      int few = 1 + random.nextInt(4);
      int from = random.nextInt(KINDS);
      for (int i = 0; i < plan.length; i++) {
        plan[i] = (from + random.nextInt(random.nextInt(8) == 0 ? KINDS : few)) % KINDS;
        if (plan[i] == 13 && random.nextInt(8) != 0) {
          plan[i] = 0; // loading a class takes its time
        }
      }
      surprise(trip, trips);
      on(new Trip(plan, virtual, rests));
      if (random.nextInt(400) == 0) {
        System.gc(); // takes the cellars away
      }
    }
  }

  private static void onThread(boolean virtual, Runnable work) throws InterruptedException {
    Throwable[] failed = {null};
    Runnable guarded =
        () -> {
          try {
            work.run();
          } catch (Throwable e) {
            failed[0] = e;
          }
        };
    Thread thread;
    if (virtual) {
      try {
        thread =
            (Thread)
                Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, guarded);
      } catch (NoSuchMethodException | IllegalAccessException | InvocationTargetException e) {
        throw new AssertionError(e);
      }
    } else {
      thread = new Thread(null, guarded, "spelunker", 8 << 20);
      thread.start();
    }
    thread.join();
    if (failed[0] != null) {
      throw new AssertionError(failed[0]);
    }
  }

  private static Map<String, ?> explore(int trips, int depth, long seed)
      throws InterruptedException {
    travel(seed, trips, depth, false, false);
    onThread(false, () -> travel(seed + 1, trips, depth, false, true));
    if (Runtime.version().feature() >= 21) {
      onThread(true, () -> travel(seed + 2, trips, depth, true, false));
      onThread(true, () -> travel(seed + 3, trips, depth, true, true));
    }
    // Two at a time, for what they share.
    Thread[] pair = new Thread[2];
    for (int i = 0; i < pair.length; i++) {
      long own = seed + 4 + i;
      pair[i] = new Thread(null, () -> travel(own, trips, depth, false, false), "pair", 8 << 20);
      pair[i].start();
    }
    for (Thread thread : pair) {
      thread.join();
    }
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("wrong", WRONG.size());
    answer.put("frames", FRAMES.get());
    answer.put("sandwiches", SANDWICHES.get());
    answer.put("virtual", VIRTUAL.get());
    answer.put("frozen", FROZEN.get());
    answer.put("hidden", HIDDEN.get());
    answer.put("prepared", prepared());
    answer.put("wrongPrepared", wrong());
    answer.put("store", store().replace(' ', ','));
    return answer;
  }

  /**
   * Enters cellars, each with a tunnel that has been compiled, and takes each away: the next one's
   * methods and code may lie where the last one's lay.
   */
  private static Map<String, ?> burrow(int cellars) {
    steps = 6000;
    for (int i = 0; i < cellars; i++) {
      on(new Trip(new int[] {13}, false, false));
      System.gc();
    }
    steps = 0;
    return Map.of("wrong", WRONG.size(), "store", store().replace(' ', ','));
  }

  private static long[] timed;

  private static void deep(int left, int rounds) {
    if (left == 0) {
      timed = time(rounds, rounds == 1 ? 1 : 100);
    } else if (left % 3 == 0) {
      PASSAGE_DOWN.apply(left - 1, rounds);
    } else {
      deep(left - 1, rounds);
    }
    sink++;
  }

  private interface Down {
    void apply(int left, int rounds);
  }

  private static final Down PASSAGE_DOWN = Spelunker::deep;

  /** What one walk takes at some depths, warm: ours, AsyncGetCallTrace's and GetStackTrace's. */
  private static Map<String, ?> measure() {
    Map<String, Object> answer = new LinkedHashMap<>();
    for (int depth : new int[] {10, 30, 160}) {
      for (int i = 0; i < 20_000; i++) {
        deep(depth, 1);
      }
      deep(depth, 300);
      answer.put(
          "at" + timed[3],
          String.format(
              "%.2f/%.2f/%.2f(%d)",
              timed[0] / 1e5, timed[1] / 1e5, timed[2] / 1e5, timed[4]));
    }
    return answer;
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    Console console = new Console(args);
    int trips = Integer.parseInt(console.option("trips", "400"));
    int depth = Integer.parseInt(console.option("depth", "40"));
    long seed = Long.parseLong(console.option("seed", "1"));
    leavesOutHidden = console.option("hidden", "shown").equals("left-out");
    System.load(console.option("library"));
    String refused = light();
    console
        .on("explore", () -> explore(trips, depth, seed))
        .on("burrow", () -> burrow(trips))
        .on("measure", Spelunker::measure)
        .serve(Map.of("refused", refused == null ? "no" : refused.replace(' ', '_')));
  }

  private static native String light();

  private static native Object[] look();

  private static native int prepared();

  private static native int wrong();

  private static native String store();

  private static native void shaft(Object next, int depth);

  private static native void wideShaft(
      long a,
      double b,
      int depth,
      Object next,
      long c,
      long d,
      float e,
      double f,
      long g,
      int h,
      Object last);

  private static native long[] time(int rounds, int turns);
}
