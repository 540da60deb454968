package org.fdorigin.apps.probes;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.fdorigin.apps.console.Console;

/**
 * Opens a descriptor at the end of each of {@code --nestings} random ways through Java, JNI, the
 * foreign function interface, lambdas and reflection, of up to {@code --depth} layers, by {@code
 * --seed}. What opens is native code or the JDK; what was passed on the way is written into {@code
 * nestings.txt}: the frames of a Throwable that was made in the expression that opens, and what the
 * native functions noted of themselves ({@code --libraries=PATH:PATH}). The threads stay where they
 * opened until {@code release}, but for virtual ones, so that a debugger can look at them.
 *
 * <p>To be run with {@code -XX:+ShowHiddenFrames}. With {@code --warm} some ways are gone often
 * before the descriptor is opened, so that they are compiled.
 */
public final class Labyrinth {

  /** The layers, by the names that {@code nestings.txt} has. */
  private enum Layer {
    PLAIN,
    RECURSION,
    INTERFACE,
    LAMBDA,
    STREAM,
    HANDLE,
    BENT_HANDLE,
    METHOD_INVOKE,
    CONSTRUCTOR,
    NEW_INSTANCE,
    CLASS_FOR_NAME,
    ENSURE_INITIALIZED,
    SYNCHRONIZED,
    CAUGHT,
    LOOP,
    PROXY,
    MAP,
    SORT,
    MANY_ARGUMENTS,
    YIELD,
    C,
    GALLERY,
    FOREIGN,
    /** Behind the last one. */
    END
  }

  private enum Opener {
    C,
    GALLERY,
    FOREIGN,
    INPUT_STREAM,
    CHANNEL,
    RANDOM_ACCESS
  }

  private enum Kind {
    PLATFORM,
    STRANGER,
    VIRTUAL
  }

  // As in labyrinth.h and the table of ends there.
  private static final int STEPS = 8;
  private static final int MOST_STEPS = 3;
  private static final int UP_FOREIGN = 5;
  private static final int FIRST_OPENER = 6;
  private static final int OPENERS = 8;

  private static final int MOST_NATIVE_LAYERS = 6; // so that the report keeps all native frames
  private static final Layer[] LAYERS = Layer.values();
  private static final boolean HAS_FOREIGN = ForeignElevator.isThere();
  private static final boolean HAS_VIRTUAL = Runtime.version().feature() >= 21;

  private static final List<Object> KEPT = new ArrayList<>();

  private static int sink;

  private Labyrinth() {}

  /** One way, and how far it was gone. */
  static final class Nesting implements Runnable {
    final int number;
    final Kind kind;
    final Layer[] layers;
    final int[] routes; // through native functions, for each layer
    final Opener opener;
    final int steps;
    final int end;
    final int rounds; // before the one that opens
    final Path file;
    boolean dry;
    int at;
    StackTraceElement[] seen;

    Nesting(int number, Random random, int depth, boolean warm) {
      this.number = number;
      int thread = random.nextInt(8);
      kind =
          thread == 0 ? Kind.STRANGER : thread < 3 && HAS_VIRTUAL ? Kind.VIRTUAL : Kind.PLATFORM;
      layers = new Layer[1 + random.nextInt(depth)];
      routes = new int[layers.length + 1];
      int natives = 0;
      for (int i = 0; i < layers.length; i++) {
        routes[i] = random.nextInt(1 << 30);
        Layer layer = LAYERS[random.nextInt(Layer.END.ordinal())];
        if (leavesJava(layer) && ++natives > MOST_NATIVE_LAYERS) {
          layer = Layer.PLAIN;
        }
        layers[i] = layer;
      }
      routes[layers.length] = random.nextInt(1 << 30);
      opener = Opener.values()[random.nextInt(Opener.values().length)];
      steps = random.nextInt(MOST_STEPS + 1);
      end = FIRST_OPENER + random.nextInt(OPENERS);
      rounds = warm ? new int[] {0, 2, 20, 150}[random.nextInt(4)] : 0;
      file = Path.of("nesting-" + number).toAbsolutePath();
    }

    /** What native code calls to make one. */
    @SuppressWarnings("this-escape")
    Nesting(Nesting other) {
      this(0, new Random(0), 1, false);
      on(other);
    }

    private static boolean leavesJava(Layer layer) {
      return switch (layer) {
        case C, GALLERY, FOREIGN, CLASS_FOR_NAME, ENSURE_INITIALIZED, METHOD_INVOKE, NEW_INSTANCE ->
            true;
        default -> false;
      };
    }

    /** Passed on the way into the call that opens; the answer is the route of that. */
    int seen(Throwable here) {
      seen = here.getStackTrace();
      return routes[layers.length];
    }

    @Override
    public void run() {
      on(this);
    }

    @Override
    public String toString() {
      return kind + "\t" + rounds + "\t" + Arrays.toString(layers) + "\t" + opener;
    }
  }

  interface Passage {
    void pass(Nesting nesting);

    default void squeeze(Nesting nesting) {
      pass(nesting);
      sink++;
    }
  }

  private static final class Crawl implements Passage {
    @Override
    public void pass(Nesting nesting) {
      on(nesting);
      sink += 2;
    }
  }

  private record Slide(int length) implements Passage {
    @Override
    public void pass(Nesting nesting) {
      try {
        on(nesting);
      } finally {
        sink += length;
      }
    }

    @Override
    public synchronized void squeeze(Nesting nesting) {
      on(nesting);
    }
  }

  /** Each time its own: whoever rests below holds the monitor. */
  private static Passage passage(int route) {
    return switch (route % 4) {
      case 0 -> new Crawl();
      case 1 -> new Slide(7);
      case 2 -> Labyrinth::on;
      default -> nesting -> on(nesting);
    };
  }

  /** Goes on in a constructor. */
  public static final class Niche {
    final int depth;

    public Niche(Nesting nesting) {
      on(nesting);
      depth = ++sink;
    }
  }

  /** Goes on in its initialiser; loaded anew whenever it is entered. */
  public static final class Cellar {
    static final int DEPTH = fall();

    private Cellar() {}
  }

  private static final ThreadLocal<Nesting> FALLING = new ThreadLocal<>();

  /** For the cellars, which are in other run-time packages. */
  public static int fall() {
    on(FALLING.get());
    return ++sink;
  }

  private static final byte[] CELLAR = CellarLoader.bytesOf(Cellar.class);

  private static final MethodHandle ON;
  private static final MethodHandle ON_BENT;
  private static final Method REFLECTED;
  private static final Constructor<Niche> BUILT;
  private static final ThreadLocal<Nesting> LIFTED = new ThreadLocal<>();

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      ON =
          lookup.findStatic(
              Labyrinth.class, "on", MethodType.methodType(void.class, Nesting.class));
      MethodHandle numbered =
          lookup.findStatic(
              Labyrinth.class,
              "numbered",
              MethodType.methodType(int.class, int.class, Nesting.class, long.class));
      ON_BENT =
          MethodHandles.filterReturnValue(
              MethodHandles.insertArguments(
                  MethodHandles.dropArguments(numbered, 1, String.class), 0, 5),
              lookup.findStatic(
                  Math.class, "negateExact", MethodType.methodType(int.class, int.class)));
      REFLECTED = Labyrinth.class.getDeclaredMethod("on", Nesting.class);
      BUILT = Niche.class.getConstructor(Nesting.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Apart, because the libraries must be there first. */
  private static final class Elevator {
    static final MethodHandle DOWN;

    static {
      try {
        DOWN =
            ForeignElevator.down(
                "labyrinth_descend",
                MethodType.methodType(void.class, int.class, int.class, int.class),
                MethodHandles.lookup()
                    .findStatic(
                        Labyrinth.class, "lifted", MethodType.methodType(int.class, int.class)));
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }

    private Elevator() {}
  }

  static void on(Nesting nesting) {
    int route = nesting.routes[nesting.at];
    Layer layer = nesting.at == nesting.layers.length ? Layer.END : nesting.layers[nesting.at++];
    try {
      switch (layer) {
        case END -> open(nesting);
        case PLAIN -> plain(nesting);
        case RECURSION -> recurse(nesting, 1 + route % 6);
        case INTERFACE -> pass(passage(route), nesting, route / 4);
        case LAMBDA -> lambda(nesting);
        case STREAM -> stream(nesting);
        case HANDLE -> ON.invokeExact(nesting);
        case BENT_HANDLE -> sink += (int) ON_BENT.invokeExact("bent", nesting, 3L);
        case METHOD_INVOKE -> REFLECTED.invoke(null, nesting);
        case CONSTRUCTOR -> sink += new Niche(nesting).depth;
        case NEW_INSTANCE -> sink += BUILT.newInstance(nesting).depth;
        case CLASS_FOR_NAME -> cellar(nesting, true);
        case ENSURE_INITIALIZED -> cellar(nesting, false);
        case SYNCHRONIZED -> locked(nesting, nesting.layers);
        case CAUGHT -> caught(nesting, route);
        case LOOP -> loop(nesting, 2000);
        case PROXY -> proxy().pass(nesting);
        case MAP -> map().computeIfAbsent(1, k -> hole(nesting));
        case SORT -> sorted(nesting);
        case MANY_ARGUMENTS -> sink += (int) many(1, 2L, 3.0, nesting, 4f, 5L, 6, 7.0, 8L, 9, 10L);
        case YIELD -> rested(nesting);
        case C -> throughC(route / 100, route % (MOST_STEPS + 1), route % UP_FOREIGN, nesting);
        case GALLERY -> gallery(nesting, route);
        case FOREIGN -> lift(nesting, route);
        default -> throw new AssertionError(layer);
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Each case is one line: the Throwable and the call that opens must be on the same. */
  private static void open(Nesting n) throws Throwable {
    if (n.dry) {
      return;
    }
    switch (n.opener) {
      case C -> throughC(n.seen(new Throwable()), n.steps, n.end, n);
      case GALLERY ->
          throughGallery(1L, 2.0, n.seen(new Throwable()), n.steps, n.end, 3L, 4L, 5f, n);
      case FOREIGN -> {
        if (HAS_FOREIGN) {
          Elevator.DOWN.invokeExact(n.seen(new Throwable()), n.steps, n.end);
        } else {
          throughC(n.seen(new Throwable()), n.steps, n.end, n);
        }
      }
      case INPUT_STREAM -> keep(n.seen(new Throwable()), new FileInputStream(n.file.toString()));
      case CHANNEL -> keep(n.seen(new Throwable()), FileChannel.open(n.file));
      case RANDOM_ACCESS ->
          keep(n.seen(new Throwable()), new RandomAccessFile(n.file.toString(), "r"));
      default -> throw new AssertionError(n.opener);
    }
  }

  private static void keep(int seen, Object opened) {
    KEPT.add(opened);
    sink += seen;
    rest();
  }

  private static void plain(Nesting nesting) {
    on(nesting);
    sink++;
  }

  private static void recurse(Nesting nesting, int left) {
    if (left == 0) {
      on(nesting);
    } else {
      recurse(nesting, left - 1);
    }
    sink++;
  }

  private static void pass(Passage passage, Nesting nesting, int route) {
    if (route % 2 == 0) {
      passage.pass(nesting);
    } else {
      passage.squeeze(nesting);
    }
  }

  private static void lambda(Nesting nesting) {
    Runnable deeper = () -> on(nesting);
    Runnable deep = () -> deeper.run();
    deep.run();
  }

  private static void stream(Nesting nesting) {
    Stream.of(1).map(i -> i + 1).filter(i -> i > 0).forEach(i -> on(nesting));
  }

  private static int numbered(int number, Nesting nesting, long weight) {
    on(nesting);
    return number + (int) weight;
  }

  private static void cellar(Nesting nesting, boolean byName) throws ReflectiveOperationException {
    Nesting outer = FALLING.get();
    FALLING.set(nesting);
    try {
      ClassLoader loader = new CellarLoader(Cellar.class, CELLAR);
      Class<?> cellar = Class.forName(Cellar.class.getName(), byName, loader);
      if (!byName) {
        MethodHandles.publicLookup().in(cellar).ensureInitialized(cellar);
      }
    } finally {
      FALLING.set(outer);
    }
  }

  private static void locked(Nesting nesting, Object lock) {
    synchronized (lock) {
      on(nesting);
    }
  }

  private static void caught(Nesting nesting, int route) {
    try {
      if (route % 2 == 0) {
        fail();
      }
      sink += Integer.parseInt("no number");
    } catch (IllegalStateException | NumberFormatException e) {
      sink += e.getMessage().length();
      on(nesting);
    } finally {
      sink++;
    }
  }

  /** Native code calls it, too, and goes on. */
  static void fail() {
    throw new IllegalStateException("a dead end");
  }

  /** Long enough to be compiled while it runs, and goes on from inside the loop. */
  private static void loop(Nesting nesting, int turns) {
    int sum = 0;
    for (int i = 0; i < turns; i++) {
      sum += i ^ sum << 1;
      if (i == turns - 1) {
        on(nesting);
      }
    }
    sink += sum;
  }

  private static Passage proxy() {
    return (Passage)
        Proxy.newProxyInstance(
            Labyrinth.class.getClassLoader(),
            new Class<?>[] {Passage.class},
            (self, method, arguments) -> {
              on((Nesting) arguments[0]);
              return null;
            });
  }

  private static Map<Integer, Integer> map() {
    return new ConcurrentHashMap<>();
  }

  private static int hole(Nesting nesting) {
    on(nesting);
    return ++sink;
  }

  private static void sorted(Nesting nesting) {
    boolean[] done = {false};
    Integer[] numbers = {3, 1, 2};
    Arrays.sort(
        numbers,
        (a, b) -> {
          if (!done[0]) {
            done[0] = true;
            on(nesting);
          }
          return Integer.compare(a, b);
        });
  }

  private static double many(
      int a, long b, double c, Nesting nesting, float d, long e, int f, double g, long h, int i,
      long j) {
    on(nesting);
    return a + b + c + d + e + f + g + h + i + j;
  }

  /** What a virtual thread comes back to may lie in the heap. */
  private static void rested(Nesting nesting) {
    Thread.yield();
    on(nesting);
  }

  private static void gallery(Nesting nesting, int route) {
    throughGallery(
        1L,
        2.0,
        route / 100,
        route % (MOST_STEPS + 1),
        route % UP_FOREIGN,
        3L,
        4L,
        5f,
        nesting);
  }

  /** Down through the foreign function interface and up again, where there is one. */
  private static void lift(Nesting nesting, int route) throws Throwable {
    if (!HAS_FOREIGN) {
      throughC(route / 100, route % (MOST_STEPS + 1), route % UP_FOREIGN, nesting);
      return;
    }
    Nesting outer = LIFTED.get();
    LIFTED.set(nesting);
    try {
      Elevator.DOWN.invokeExact(route / 100, route % (MOST_STEPS + 1), UP_FOREIGN);
    } finally {
      LIFTED.set(outer);
    }
  }

  private static int lifted(int floor) {
    on(LIFTED.get());
    return floor;
  }

  /** On the nesting's own thread; native code calls it, too. */
  static void begin(Nesting nesting) {
    try {
      start(nesting.kind != Kind.VIRTUAL);
      nesting.dry = true;
      for (int round = 0; round < nesting.rounds; round++) {
        nesting.at = 0;
        on(nesting);
      }
      nesting.dry = false;
      nesting.at = 0;
      on(nesting);
    } catch (Throwable e) {
      System.err.println("in nesting " + nesting.number + " " + nesting);
      e.printStackTrace();
      Runtime.getRuntime().halt(3); // nobody would arrive
    }
  }

  private static void wander(Nesting nesting) throws ReflectiveOperationException {
    switch (nesting.kind) {
      case PLATFORM -> {
        Thread thread = new Thread(null, () -> begin(nesting), "platform", 4 << 20);
        thread.setDaemon(true);
        thread.start();
      }
      case STRANGER -> onStranger(nesting);
      default -> {
        Runnable work = () -> begin(nesting);
        Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, work);
      }
    }
  }

  private static Map<String, ?> explore(int nestings, int depth, long seed, boolean warm)
      throws IOException, ReflectiveOperationException {
    try (PrintWriter out = new PrintWriter("nestings.txt", UTF_8)) {
      for (int i = 0; i < nestings; i++) {
        Nesting nesting = new Nesting(i, new Random(seed + i), depth, warm);
        Files.createFile(nesting.file);
        wander(nesting);
        String parts = await();
        out.println("nesting\t" + i + "\t" + nesting);
        out.println("file\t" + nesting.file);
        out.print(parts);
        for (StackTraceElement frame : nesting.seen) {
          String file = frame.getFileName() == null ? "" : frame.getFileName();
          out.println(
              "frame\t"
                  + String.join("\t", frame.getClassName(), frame.getMethodName(), file)
                  + "\t"
                  + frame.getLineNumber());
        }
      }
    }
    return Map.of("nestings", nestings);
  }

  private static Map<String, ?> letGo() {
    release();
    return Map.of();
  }

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    for (String library : console.option("libraries").split(":")) {
      System.load(library);
    }
    init(Nesting.class);
    int nestings = Integer.parseInt(console.option("nestings"));
    int depth = Integer.parseInt(console.option("depth", "30"));
    long seed = Long.parseLong(console.option("seed"));
    boolean warm = console.option("warm", null) != null;
    console
        .on("explore", () -> explore(nestings, depth, seed, warm))
        .on("release", Labyrinth::letGo)
        .serve(Map.of());
  }

  private static native void init(Class<?> nesting);

  private static native void start(boolean parks);

  private static native void onStranger(Nesting nesting);

  private static native String await();

  private static native void rest();

  private static native void release();

  private static native void throughC(int route, int steps, int end, Nesting nesting);

  private static native void throughGallery(
      long a, double b, int route, int steps, int end, long c, long d, float e, Nesting nesting);
}
