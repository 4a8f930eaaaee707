<?php
// Enqueues a task from PHP, without an extension.
//   php enqueue.php resize '{"width": 100}'      prints the id of the task

const ADD = <<<'LUA'
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
if ARGV[3] == '' then redis.call('LPUSH', KEYS[2], ARGV[1]) return 1 end
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
if redis.call('ZRANGE', KEYS[3], 0, 0)[1] == ARGV[1] then redis.call('PUBLISH', KEYS[4], ARGV[3]) end
return 1
LUA;

function call($connection, ...$parts) {
    $text = '*' . count($parts) . "\r\n";
    foreach ($parts as $part) $text .= '$' . strlen($part) . "\r\n$part\r\n";
    fwrite($connection, $text);
    $reply = (string) fgets($connection);
    if ($reply === '' || !str_contains(':+', $reply[0])) throw new RuntimeException(trim($reply) ?: 'no reply');
    return trim(substr($reply, 1));
}

/** Returns the id, and whether the task is new. Times are in ms. */
function enqueue($connection, $name, $data, $queue = 'default', $delay = 0, $retries = 0, $id = null, $prefix = 'bq') {
    $id ??= preg_replace('/^(.{8})(.{4})(.{4})(.{4})/', '$1-$2-$3-$4-', bin2hex(random_bytes(16)));
    $now = (int) (microtime(true) * 1000);
    $due = $delay ? ['delay' => $now + $delay] : [];
    $options = ['timestamp' => $now, 'retries' => $retries, 'attempts' => $retries + 1] + $due;
    $envelope = ['name' => $name, 'data' => $data];
    $record = ['data' => $envelope, 'options' => $options, 'status' => 'created', 'progress' => null];
    $keys = array_map(fn($key) => $prefix . ':{' . $queue . '}:' . $key, ['jobs', 'waiting', 'delayed', 'earlierDelayed']);
    $values = [$id, json_encode($record), $due['delay'] ?? ''];
    return [$id, call($connection, 'EVAL', ADD, 4, ...$keys, ...$values) === '1'];
}

$url = parse_url(getenv('REDIS_URL') ?: 'redis://localhost:6379');
$connection = stream_socket_client("tcp://{$url['host']}:" . ($url['port'] ?? 6379), timeout: 2);
if (isset($url['pass'])) call($connection, 'AUTH', ($url['user'] ?? '') ?: 'default', $url['pass']);
echo enqueue($connection, $argv[1], json_decode($argv[2]), delay: (int) ($argv[3] ?? 0))[0], "\n";
